import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.environments import Environment
from credentials.oauth.client_auth import authenticate_client, presented_credentials
from credentials.oauth.errors import MethodNotAllowed, OAuthError, UnsupportedGrantType
from credentials.oauth.grants import GRANTS, REQUIRED_PARAMETERS
from credentials.oauth.parameters import Parameters

P = ParamSpec("P")


def oauth_endpoint(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Closed to nobody, POST only, errors as JSON, never cached (RFC 6749 §5.1, §5.2)."""

    @login_not_required
    @csrf_exempt
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            if request.method != "POST":
                raise MethodNotAllowed("Use POST.")
            response = view(request, *args, **kwargs)
        except OAuthError as error:
            response = JsonResponse(error.body, status=error.status, headers=error.headers)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

    return wrapped


@oauth_endpoint
def token(request: HttpRequest, environment: Environment) -> HttpResponse:
    """The token endpoint (RFC 6749 §3.2)."""
    parameters = Parameters.of(request)
    credentials = presented_credentials(request, parameters)
    grant_type = parameters.require("grant_type")
    if grant_type not in GRANTS:
        raise UnsupportedGrantType(grant_type)
    for name in REQUIRED_PARAMETERS[grant_type]:
        parameters.require(name)
    client = authenticate_client(credentials, environment)
    return JsonResponse(GRANTS[grant_type](environment, client, parameters))
