"""The error bodies of calls: `{errorCode, message, errors: […]}` (docs/reference/errors.md)."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.environments import Environment
from credentials.error_codes import help_link
from credentials.models.refusals import RefusedWhat
from credentials.oauth.bearer import BearerError
from credentials.oauth.refusal_log import note_refusal


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


def refused_call(
    request: HttpRequest,
    error: BearerError,
    environment: Environment,
    *,
    what: RefusedWhat = RefusedWhat.CALL,
) -> HttpResponse:
    """Answers and records a refused call."""
    note_refusal(
        request, environment, error, status=error.status, rfc_error=error.rfc_error, what=what
    )
    challenge = {"WWW-Authenticate": error.challenge} if error.challenge else {}
    return error_response(
        error.status,
        error.code,
        error.full_message,
        challenge,
        permissionName=error.permission_name,
    )
