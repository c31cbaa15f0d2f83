"""The REST API's answers to calls that ask for something wrong."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from credentials.oauth.rest_errors import error_response

NO_SUCH_FIELD = "There is no such field. Check the spelling."


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


def api_error_response(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(
        error.status, error.code, error.message, parameterName=error.parameter_name
    )


def method_not_allowed(allowed: str) -> HttpResponse:
    message = f"The method is not allowed; use {allowed}."
    return error_response(405, "CMN-101", message, {"Allow": allowed})


@login_not_required
@csrf_exempt
def unknown_uri(request: HttpRequest) -> HttpResponse:
    return error_response(404, "CMN-120", "Invalid URI.")
