"""The REST API's error bodies: `{errorCode, message, errors: […]}` (docs/reference/errors.md)."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.environments import Environment
from credentials.error_codes import help_link
from credentials.models.refusals import RefusedWhat
from credentials.oauth.bearer import BearerError
from credentials.oauth.refusal_log import note_refusal


class ApiError(Exception):
    """A call refused for what it asks; `parameter_name` names the part that is wrong."""

    def __init__(
        self, status: int, code: str, message: str, *, parameter_name: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter_name = parameter_name


def not_found(parameter_name: str) -> ApiError:
    return ApiError(
        404,
        "CMN-102",
        f"Resource for parameter [{parameter_name}] is not found.",
        parameter_name=parameter_name,
    )


def invalid_parameter(parameter_name: str, problem: str) -> ApiError:
    return ApiError(
        400,
        "CMN-101",
        f"Parameter [{parameter_name}] is invalid: {problem}",
        parameter_name=parameter_name,
    )


def error_body(*entries: dict[str, Any]) -> dict[str, Any]:
    first = entries[0]
    return {
        "errorCode": first["errorCode"],
        "message": first["message"],
        "errors": list(entries),
    }


def entry(
    code: str,
    message: str,
    *,
    parameter_name: str | None = None,
    permission_name: str | None = None,
) -> dict[str, Any]:
    optional = {"parameterName": parameter_name, "permissionName": permission_name}
    present = {name: value for name, value in optional.items() if value is not None}
    return {"errorCode": code, "message": message} | present


def error_response(
    status: int, found: dict[str, Any], headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The answer for one entry; like every error it links to its code."""
    link = {"Link": help_link(found["errorCode"])}
    return JsonResponse(error_body(found), status=status, headers=link | dict(headers or {}))


def api_error_response(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(
        error.status, entry(error.code, error.message, parameter_name=error.parameter_name)
    )


def bearer_error_response(
    request: HttpRequest, error: BearerError, environment: Environment
) -> HttpResponse:
    """The answer to a call without the right; it is noted for *Why did my call fail?*."""
    note_refusal(
        request,
        environment,
        error,
        status=error.status,
        rfc_error=error.rfc_error,
        what=RefusedWhat.CALL,
    )
    challenge = {"WWW-Authenticate": error.challenge} if error.challenge else {}
    return error_response(
        error.status,
        entry(error.code, error.message, permission_name=error.permission_name),
        challenge,
    )


def method_not_allowed(allowed: str) -> HttpResponse:
    message = f"The method is not allowed; use {allowed}."
    return error_response(405, entry("CMN-101", message), {"Allow": allowed})


@login_not_required
@csrf_exempt
def unknown_uri(request: HttpRequest) -> HttpResponse:
    """Whatever lies below a base URL's `/restapi` and is no call."""
    return error_response(404, entry("CMN-120", "Invalid URI."))
