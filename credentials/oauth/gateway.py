"""Authorizes a call that a gateway asks about, like a call to the built-in REST API.

The gateway sends the caller's `Authorization` header, and the method and URI of the call. The API's
OpenAPI document says what the operation needs, and the same checks run in the same order.
"""

from functools import lru_cache
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest

from accounts.environments import Environment
from accounts.platform.catalog import Api, Operation
from accounts.platform.paths import HostilePath, PathTree
from core.origin import client_ip, trust_peer
from credentials.models.usage import Called
from credentials.oauth.bearer import (
    Bearer,
    BearerError,
    OperationRefused,
    TooManyCalls,
    authenticate_token,
    refuse_secrets_in,
    token_of,
)
from credentials.oauth.client_auth import authenticate_client
from credentials.oauth.counted_calls import count_call
from credentials.oauth.errors import OAuthError, TemporarilyUnavailable
from credentials.oauth.lookup import Lookup
from credentials.oauth.original_request import (
    GatewaySetup,
    OriginalRequest,
    ambiguity,
    original_request,
)
from credentials.oauth.parameters import Parameters, decoded_basic
from credentials.oauth.tokens import read_question
from credentials.refused import Reason
from credentials.throttle import LimitGroup, meter_of

UNLISTED_GROUP = LimitGroup.MEDIUM
# `Authorization` holds the caller's token, so the gateway authenticates with the header for proxies
# (RFC 9110 §11.7.2).
GATEWAY_AUTHORIZATION = "HTTP_PROXY_AUTHORIZATION"
NOT_A_RESOURCE_SERVER = (
    "The gateway's Proxy-Authorization header must use HTTP Basic with the client ID and secret of "
    "a client of this environment that is marked as a resource server."
)


def authorize(request: HttpRequest, environment: Environment) -> Bearer | None:
    """The caller of an allowed call; None if the operation is open. Raises `BearerError`."""
    api = _api(request, environment)
    try:
        return _authorized(request, environment, api)
    except BearerError as error:
        raise error.about(api=api.id)  # noqa: B904 - the same


def headers_about(caller: Bearer) -> dict[str, str]:
    """The headers that identify the caller to the service behind the gateway.

    The response always has all of them, so that a gateway replaces the ones that the caller sent.
    External IDs and the IDs of the platform file are printable ASCII.
    """
    extension, role = caller.extension, caller.extension.role
    return {
        "X-Owner-Id": str(extension.pk),
        "X-Owner-External-Id": extension.external_id or "",
        "X-Account-Id": str(extension.account_id),
        "X-Client-Id": caller.client.client_id,
        "X-Scope": settings.PLATFORM.scope_string(caller.scopes),
        "X-User-Role": role.id if role.is_offered else "",
        "X-User-Permissions": " ".join(role.permissions),
    }


def authenticate_caller(
    request: HttpRequest, environment: Environment, *, audience: str = ""
) -> Bearer:
    """The caller behind the gateway. Raises `BearerError`."""
    token = token_of(request)
    lookup = None
    if header := request.META.get(GATEWAY_AUTHORIZATION):
        lookup = _authenticate_gateway(request, environment, header, token)
    source = client_ip(request) or ""
    bearer = authenticate_token(token, environment, lookup=lookup, source=source)
    bearer.require_audience(audience)
    return bearer


def names_an_api(request: HttpRequest) -> bool:
    query = request.META.get("QUERY_STRING")
    return bool(query and _named_apis(query))


@lru_cache(maxsize=32)
def _named_apis(query: str) -> tuple[str, ...]:
    # Each gateway always sends the same query string.
    pairs = parse_qsl(query, keep_blank_values=True)
    return tuple(value for name, value in pairs if name == "api")


def _api(request: HttpRequest, environment: Environment) -> Api:
    named = _named_apis(request.META["QUERY_STRING"])
    api = settings.PLATFORM.apis.get(named[0]) if len(named) == 1 else None
    if api is not None and environment in api.trees:
        return api
    offered = [api.id for api in settings.PLATFORM.apis.values() if environment in api.trees]
    raise GatewaySetup(
        "The gateway must name one API of this environment in the query parameter api. The APIs "
        f"are: {', '.join(offered) or 'none'}."
    )


def _authorized(request: HttpRequest, environment: Environment, api: Api) -> Bearer | None:
    original = original_request(request)
    refuse_secrets_in(original.query)
    try:
        operation = _operation(request, environment, api, original)
    except OperationRefused as refusal:
        raise _about_caller(refusal, request, environment, api)  # noqa: B904 - the same
    if operation is None:
        return _counted_caller(request, environment, api, None)
    if operation.is_open:
        return None
    try:
        return _permitted_caller(request, environment, api, operation)
    except BearerError as error:
        raise error.about(  # noqa: B904 - the same
            operation=operation.id, method=original.method, path=operation.path
        )


def _operation(
    request: HttpRequest, environment: Environment, api: Api, original: OriginalRequest
) -> Operation | None:
    """None if the document doesn't describe the operation, and the API allows such calls."""
    if problem := ambiguity(request, original):
        raise _ambiguous(api, problem)
    try:
        found = listed_operation(api.trees[environment], original)
    except HostilePath as error:
        raise _ambiguous(api, str(error)).about(method=original.method) from error
    if found is None and api.unlisted == "refuse":
        raise OperationRefused(
            f"The {api.label} does not have this operation. Compare the method and the path with "
            "its reference."
        ).about(method=original.method)
    return found


def listed_operation(tree: PathTree[Operation], original: OriginalRequest) -> Operation | None:
    """Raises `HostilePath`."""
    found = tree.find(original.method, original.path)
    if found is None and original.method == "HEAD":
        # RFC 9110 §9.3.2: HEAD is GET without the content.
        return tree.find("GET", original.path)
    return found


def _ambiguous(api: Api, problem: str) -> BearerError:
    return OperationRefused(
        f"Servers can read this request in more than one way: {problem}. Send it as the reference "
        f"of the {api.label} describes it."
    ).about(reason=Reason.AMBIGUOUS_REQUEST)


def _permitted_caller(
    request: HttpRequest, environment: Environment, api: Api, operation: Operation
) -> Bearer:
    caller = _counted_caller(request, environment, api, operation)
    if missing := operation.lacking(caller.scopes):
        raise caller.scopes_missing(missing)
    if operation.permission:
        caller.require_permission(operation.permission)
    return caller


def _counted_caller(
    request: HttpRequest, environment: Environment, api: Api, operation: Operation | None
) -> Bearer:
    group = LimitGroup(operation.limit_group) if operation else UNLISTED_GROUP
    called = Called(api.id, operation.id if operation else "")
    caller = authenticate_caller(request, environment, audience=api.audience)
    count_call(request, caller, called, group)
    return caller


def _about_caller(
    refusal: OperationRefused, request: HttpRequest, environment: Environment, api: Api
) -> BearerError:
    # The refusal doesn't depend on the token, but we record it for the app and the credential that
    # the token names.
    try:
        return _counted_caller(request, environment, api, None).refused(refusal)
    except TooManyCalls as error:
        return error
    except BearerError as error:
        facts = error.facts
        return refusal.about(
            client_id=facts.client_id,
            credential_id=facts.credential_id,
            is_authentic=facts.is_authentic,
        )


def _authenticate_gateway(
    request: HttpRequest, environment: Environment, header: str, token: str
) -> Lookup:
    """The rows that the token names, read together with the gateway's client.

    After this, we trust the caller's address in the gateway's headers. Raises `BearerError`.
    """
    scheme, _space, encoded = header.partition(" ")
    credentials = decoded_basic(encoded.strip()) if scheme.lower() == "basic" else None
    if credentials is None:
        raise GatewaySetup(NOT_A_RESOURCE_SERVER)
    asking, lookup = read_question(credentials.client_id, token)
    parameters = Parameters({}, source=client_ip(request) or "", meter=meter_of(request))
    try:
        client = authenticate_client(credentials, parameters, environment, asking)
    except TemporarilyUnavailable as error:
        raise TooManyCalls(error.message) from error
    except OAuthError as error:
        raise GatewaySetup(NOT_A_RESOURCE_SERVER) from error
    if not client.is_resource_server:
        raise GatewaySetup(NOT_A_RESOURCE_SERVER)
    trust_peer(request)
    return lookup
