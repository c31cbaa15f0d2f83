import functools
import json
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from accounts.environments import Environment
from core import raw_secrets
from core.origin import Origin, address_named_by_peer, client_ip, network_of
from core.responses import set_headers
from credentials import jose
from credentials.actions.refresh_tokens import revoke_session
from credentials.actions.revocations import revoke_leaked_jwt_credential
from credentials.error_codes import help_link
from credentials.models import Client, SigningKey
from credentials.models.refusals import RefusedWhat
from credentials.models.signing_keys import JWKS_MAX_AGE
from credentials.oauth.bearer import (
    BearerError,
    SecretInQuery,
    refuse_secrets_in_query,
)
from credentials.oauth.client_auth import (
    authenticate_client,
    known_client,
    presented_credentials,
)
from credentials.oauth.errors import (
    InvalidRequest,
    OAuthError,
    UnsupportedGrantType,
    WrongMethod,
    not_a_resource_server,
)
from credentials.oauth.gateway import (
    authenticate_caller,
    authorize,
    headers_about,
    names_an_api,
)
from credentials.oauth.grants import GRANT_IN_ENVIRON, GRANTS
from credentials.oauth.leaked import genuine_credentials, reported_jwts
from credentials.oauth.lookup import Lookup
from credentials.oauth.metadata import server_metadata
from credentials.oauth.parameters import Parameters, count_by
from credentials.oauth.refusal_log import note_refusal
from credentials.oauth.reported_refusals import note_report, read_report, whose_token
from credentials.oauth.rest_errors import refused_call
from credentials.oauth.tokens import introspection, read_question, session_of
from credentials.throttle import meter_of

View = Callable[[HttpRequest, Environment], HttpResponse]

RECEIVED = (
    "Thank you. We will revoke every valid JWT credential for this environment in your report "
    "and notify its owner."
)
NOTHING_FOUND = (
    "We found no JWT in your report, so we revoked nothing. Send the whole JWT in token, as a form "
    "field or in JSON. The text around it can stay."
)
MAX_AGE = int(JWKS_MAX_AGE.total_seconds())


def oauth_endpoint(view: View) -> View:
    """Public, POST only, errors as JSON, never cached (RFC 6749 §5.1, §5.2); records refusals."""

    @login_not_required
    @csrf_exempt
    @functools.wraps(view)
    def wrapped(request: HttpRequest, environment: Environment) -> HttpResponse:
        try:
            if request.method != "POST":
                raise WrongMethod("POST")
            response = view(request, environment)
        except OAuthError as error:
            response = refused(request, environment, error)
        return no_store(meter_of(request).mark(response))

    return wrapped


def read_only(view: View) -> View:
    """Public, GET and HEAD only, errors as JSON."""

    @login_not_required
    @csrf_exempt
    @functools.wraps(view)
    def wrapped(request: HttpRequest, environment: Environment) -> HttpResponse:
        try:
            if request.method not in ("GET", "HEAD"):
                raise WrongMethod("GET", "HEAD")
            return view(request, environment)
        except OAuthError as error:
            return no_store(refused(request, environment, error))

    return wrapped


def refused(request: HttpRequest, environment: Environment, error: OAuthError) -> HttpResponse:
    note_refusal(request, environment, error, status=error.status, rfc_error=error.error)
    response = JsonResponse(error.body, status=error.status, headers=error.headers)
    response["Link"] = help_link(error.code)
    return response


def refuse_secrets(request: HttpRequest) -> None:
    # No endpoint reads the query string, but the caller must learn that secrets end up in logs.
    try:
        refuse_secrets_in_query(request)
    except SecretInQuery as error:
        raise InvalidRequest(error.message) from error


def no_store(response: HttpResponse) -> HttpResponse:
    set_headers(response, {"Cache-Control": "no-store", "Pragma": "no-cache"})
    return response


@oauth_endpoint
def revoke(request: HttpRequest, environment: Environment) -> HttpResponse:
    """Token revocation (RFC 7009): either token ends the whole session; unknown ones are fine."""
    parameters = Parameters.of(request)
    client, lookup = _asking_client(request, parameters, environment)
    with known_client(client):
        raw_token = parameters.require("token")
        parameters.count(client.client_id, _claimed_user(raw_token))
        session_id = session_of(raw_token, client, lookup, environment)
        if session_id is None:
            parameters.count(client.client_id)
    if session_id is not None and lookup.credential is not None:
        revoke_session(session_id, lookup.credential, client)
    return HttpResponse()


@oauth_endpoint
def introspect(request: HttpRequest, environment: Environment) -> HttpResponse:
    """Token introspection (RFC 7662) of a client's own tokens, or of all by a resource server."""
    parameters = Parameters.of(request)
    client, lookup = _asking_client(request, parameters, environment)
    with known_client(client):
        raw_token = parameters.require("token")
        if client.is_resource_server:
            source = parameters.caller_address() or address_named_by_peer(request)
            body = introspection(raw_token, client, lookup, environment, source=source)
            return JsonResponse(body)
        parameters.count(client.client_id, _claimed_user(raw_token))
        body = introspection(raw_token, client, lookup, environment)
        if not body["active"]:
            parameters.count(client.client_id)
        return JsonResponse(body)


@oauth_endpoint
@sensitive_post_parameters()
def report_refusal(request: HttpRequest, environment: Environment) -> HttpResponse:
    """Records a refusal that an API made itself, with an ID that the API can pass to the caller."""
    parameters = Parameters.of(request)
    client, lookup = _asking_client(request, parameters, environment)
    with known_client(client):
        if not client.is_resource_server:
            raise not_a_resource_server()
        report = read_report(parameters, environment)
        facts = whose_token(parameters.require("token"), environment, lookup)
        if facts.is_authentic:
            # Limits callers, who could repeat a refused call as often as they like.
            parameters.count("report-refusal", facts.client_id, facts.credential_id)
    note_report(request, environment, report, facts)
    return JsonResponse({"request_id": getattr(request, "request_id", "")})


def _asking_client(
    request: HttpRequest, parameters: Parameters, environment: Environment
) -> tuple[Client, Lookup]:
    credentials = presented_credentials(request, parameters)
    if credentials is None:
        asking = lookup = Lookup()
    else:
        asking, lookup = read_question(credentials.client_id, parameters.get("token") or "")
    return authenticate_client(credentials, parameters, environment, asking), lookup


def _claimed_user(raw_token: str) -> str:
    # Good enough to count by: a token that turns out to be forged counts against the app as well.
    # A refresh token names no user, so it counts by itself.
    parsed = jose.parsed_or_none(raw_token)
    return (parsed.claimed("sub") if parsed else "") or raw_secrets.digest(raw_token)


@oauth_endpoint
@sensitive_post_parameters()
def revoke_leaked(request: HttpRequest, environment: Environment) -> HttpResponse:
    """Revokes the valid JWT credentials that people and secret scanners report.

    The answer is the same for every JWT, so that it doesn't tell whether a JWT is valid.
    """
    refuse_secrets(request)
    count_by(meter_of(request), "revoke-leaked", network_of(client_ip(request)))
    jwts = reported_jwts(request)
    for credential in genuine_credentials(jwts, [environment]):
        revoke_leaked_jwt_credential(credential, origin=Origin.of(request))
    return JsonResponse({"message": RECEIVED if jwts else NOTHING_FOUND}, status=202)


@read_only
def verify(request: HttpRequest, environment: Environment) -> HttpResponse:
    """For gateways: 204 if the call is allowed or, without `api`, if the access token is valid."""
    decision = _of_call if names_an_api(request) else _of_token
    return no_store(meter_of(request).mark(decision(request, environment)))


def _of_call(request: HttpRequest, environment: Environment) -> HttpResponse:
    try:
        caller = authorize(request, environment)
    except BearerError as error:
        response = refused_call(request, error, environment, what=RefusedWhat.GATEWAY)
        # For gateways that drop the body, such as nginx. JSON in ASCII is one line.
        response["X-Error-Body"] = response.content.decode()
        return response
    response = HttpResponse(status=204)
    if caller is not None:
        set_headers(response, headers_about(caller))
    return response


def _of_token(request: HttpRequest, environment: Environment) -> HttpResponse:
    try:
        bearer = authenticate_caller(request, environment)
    except BearerError as error:
        note_refusal(
            request,
            environment,
            error,
            status=401,
            rfc_error=error.rfc_error,
            what=RefusedWhat.VERIFY,
        )
        told = {"WWW-Authenticate": error.challenge, "Link": help_link(error.code)}
        return HttpResponse(status=401, headers=told)
    return HttpResponse(
        status=204,
        headers={
            "X-Owner-Id": str(bearer.extension.pk),
            "X-Client-Id": bearer.client.client_id,
            "X-Scope": settings.PLATFORM.scope_string(bearer.scopes),
        },
    )


@read_only
@cache_control(public=True, max_age=MAX_AGE)
def jwks(request: HttpRequest, environment: Environment) -> HttpResponse:
    """The public keys of access tokens (RFC 7517 §5); those of credentials are verified by us."""
    refuse_secrets(request)
    keys = SigningKey.objects.published(environment)
    return JsonResponse({"keys": [key.public_jwk for key in keys]})


@read_only
@cache_control(public=True, max_age=MAX_AGE)
def metadata(request: HttpRequest, environment: Environment) -> HttpResponse:
    refuse_secrets(request)
    return JsonResponse(server_metadata(environment))


@oauth_endpoint
def token(request: HttpRequest, environment: Environment) -> HttpResponse:
    """The token endpoint (RFC 6749 §3.2)."""
    parameters = Parameters.of(request)
    credentials = presented_credentials(request, parameters)
    grant_type = parameters.require("grant_type")
    if grant_type not in GRANTS:
        raise UnsupportedGrantType(grant_type, GRANTS)
    request.META[GRANT_IN_ENVIRON] = grant_type
    grant = GRANTS[grant_type]
    for name in grant.required_parameters:
        parameters.require(name)
    body = grant.answer(environment, credentials, parameters)
    # `JsonResponse` gives the same with a slower encoder.
    return HttpResponse(json.dumps(body).encode(), content_type="application/json")
