"""The REST API of one environment, with its OpenAPI document at `openapi.json`."""

import functools
import json
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.views.decorators.http import require_GET
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as RequestValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from accounts.environments import Environment
from console.api import errors
from console.api.calls import BearerAuth, router
from core.media_types import UnsupportedMedia, require_readable
from credentials.oauth import bearer
from credentials.oauth.rest_errors import error_response, refused_call
from credentials.throttle import LimitGroup, meter_of

# Model fields that have another name in the API, for messages that name a parameter.
_WIRE_NAMES = {"main_site_name": "mainSiteName"}
# Two views of ninja, which doesn't check their method.
_DOCUMENTS = {"api-root", "openapi-json"}


class Utf8Parser(Parser):
    """Bodies are JSON in UTF-8 (RFC 8259 §8.1). Python would read UTF-16 and UTF-32 as well."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        require_readable(request)
        return cast(dict[str, Any], json.loads(request.body.decode()))


class EnvironmentApi(NinjaAPI):
    # Calls authenticate with bearer tokens only, so the console's sign-in and CSRF don't apply.

    def __init__(self, environment: Environment, **options: Any) -> None:
        super().__init__(**options)
        self._environment = environment

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                view = pattern.callback
                if pattern.name in _DOCUMENTS:
                    view = require_GET(view)
                view = _answers_any_method(view, self._environment)
                pattern.callback = login_not_required(view)
        return patterns, app_name, namespace

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        # The server of the document is the base URL, and the paths follow it.
        return super().get_openapi_schema(**options | {"path_prefix": "/restapi/"})


def _answers_any_method(
    view: Callable[..., HttpResponse], environment: Environment
) -> Callable[..., HttpResponse]:
    # It answers HEAD like GET (RFC 9110 §9.3.2), and the server drops the body. It answers other
    # methods with JSON, and refuses every request with a secret in the query string.
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            bearer.refuse_secrets_in_query(request)
        except bearer.SecretInQuery as error:
            return refused_call(request, error, environment)
        method = request.method
        if method == "HEAD":
            request.method = "GET"
        response = view(request, *args, **kwargs)
        request.method = method
        meter_of(request).mark(response)
        if response.status_code == 405:
            allowed = response["Allow"].replace("GET", "GET, HEAD").split(", ")
            return errors.method_not_allowed(", ".join(sorted(allowed)))
        return response

    return wrapped


def build_api(environment: Environment) -> EnvironmentApi:
    api = EnvironmentApi(
        environment,
        parser=Utf8Parser(),
        title=f"REST API ({environment.label})",
        version="1.0",
        urls_namespace=f"api_{environment}",
        docs_url=None,
        openapi_url="openapi.json",
        servers=[{"url": environment.urls.base_url}],
        # For a call that doesn't name its rate limit group.
        auth=BearerAuth(environment, LimitGroup.HEAVY),
    )
    api.add_router("v1.0", router(environment))
    api.exception_handler(errors.ApiError)(errors.api_error_response)
    api.exception_handler(bearer.BearerError)(
        functools.partial(refused_call, environment=environment)
    )
    api.exception_handler(RequestValidationError)(_invalid_request)
    api.exception_handler(ValidationError)(_invalid_values)
    api.exception_handler(HttpError)(_unreadable_body)
    api.exception_handler(RequestDataTooBig)(_too_large)
    return api


def _invalid_request(request: HttpRequest, error: RequestValidationError) -> HttpResponse:
    # `loc` starts with the place of the value. For a body, the name of the parameter follows.
    first = error.errors[0]
    place, *parts = first["loc"]
    name = ".".join(map(str, parts[1:] if place == "body" else parts)) or "body"
    problem = errors.NO_SUCH_FIELD if first["type"] == "extra_forbidden" else first["msg"]
    return errors.api_error_response(request, errors.invalid_parameter(name, problem))


def _invalid_values(request: HttpRequest, error: ValidationError) -> HttpResponse:
    field, messages = next(iter(error.message_dict.items()))
    name = _WIRE_NAMES.get(field, field)
    return errors.api_error_response(request, errors.invalid_parameter(name, messages[0]))


def _unreadable_body(request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, UnsupportedMedia):
        return error_response(cause.status, "CMN-101", str(cause))
    return error_response(error.status_code, "CMN-103", "The JSON can't be parsed.")


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return error_response(400, "CMN-101", "The body is too large.")
