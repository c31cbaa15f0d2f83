"""The REST API's error bodies: `{errorCode, message, errors: […]}` (docs/reference/errors.md)."""

from collections.abc import Mapping

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.environments import Environment
from credentials.error_codes import help_link
from credentials.models.refusals import RefusedWhat
from credentials.oauth.bearer import BearerError
from credentials.oauth.refusal_log import note_refusal


class ApiError(Exception):
    """A call that asks for something wrong."""

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


def error_response(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    **names: str | None,
) -> HttpResponse:
    """`names` are further members of the error, such as `parameterName`."""
    said = {"errorCode": code, "message": message}
    present = {name: value for name, value in names.items() if value is not None}
    return JsonResponse(
        {**said, "errors": [said | present]},
        status=status,
        headers={"Link": help_link(code), **(headers or {})},
    )


def api_error_response(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(
        error.status, error.code, error.message, parameterName=error.parameter_name
    )


def bearer_error_response(
    request: HttpRequest, error: BearerError, environment: Environment
) -> HttpResponse:
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
        error.status, error.code, error.message, challenge, permissionName=error.permission_name
    )


def method_not_allowed(allowed: str) -> HttpResponse:
    message = f"The method is not allowed; use {allowed}."
    return error_response(405, "CMN-101", message, {"Allow": allowed})


@login_not_required
@csrf_exempt
def unknown_uri(request: HttpRequest) -> HttpResponse:
    return error_response(404, "CMN-120", "Invalid URI.")
