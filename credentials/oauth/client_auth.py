"""Client authentication: `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1)."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.http import HttpRequest
from django.utils import timezone

from accounts.environments import Environment
from core.background import BackgroundWriter
from core.origin import network_of
from credentials.damage import note_damage
from credentials.models import Client
from credentials.models.applications import NO_DIGEST, FormerSecretUse, SecretMatch
from credentials.oauth.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    client_authentication_failed,
)
from credentials.oauth.lookup import Lookup
from credentials.oauth.parameters import (
    BasicCredentials,
    Parameters,
    basic_credentials,
    has_basic,
)
from credentials.refused import CheckName, Reason

# For unknown client IDs, so that an answer always takes as long as a comparison.
_NOBODY = Client(secret_digest=NO_DIGEST)

former_secret_uses = BackgroundWriter(
    "former-secret-uses", Client.objects.note_former_secret_use, capacity=10_000
)


def presented_credentials(request: HttpRequest, parameters: Parameters) -> BasicCredentials | None:
    """The client ID and the client secret; None if they are missing or malformed.

    Raises `InvalidRequest` for two methods at once (RFC 6749 §2.3).
    """
    client_id, client_secret = parameters.get("client_id"), parameters.get("client_secret")
    if has_basic(request):
        if client_secret is not None:
            raise InvalidRequest(
                "The client authenticates twice. Use HTTP Basic or the body, not both."
            )
        credentials = basic_credentials(request)
        if credentials and client_id not in (None, credentials.client_id):
            raise InvalidRequest(
                "The client_id in the body does not match the one in HTTP Basic. Send only one."
            )
        return credentials
    if client_id is None or client_secret is None:
        return None
    return BasicCredentials(client_id, client_secret)


def authenticate_client(
    credentials: BasicCredentials | None,
    parameters: Parameters,
    environment: Environment,
    lookup: Lookup,
) -> Client:
    """The client, which has proved its identity. Raises `InvalidClient`.

    `lookup` holds the client with this client ID. Only failures are counted, by client ID and
    address together, so that guessing can't lock anyone out, not even from the same address.
    """
    try:
        client = _authenticated(credentials, parameters, environment, lookup)
        # For the log line of the request.
        structlog.contextvars.bind_contextvars(client_id=client.client_id)
        return client
    except InvalidClient:
        claimed = credentials.client_id if credentials else ""
        try:
            parameters.count("failed authentication", claimed, network_of(parameters.source))
        except OAuthError as too_many:
            raise too_many.about(check=CheckName.CLIENT)  # noqa: B904 - the same
        raise


@contextmanager
def known_client(client: Client) -> Iterator[None]:
    try:
        yield
    except OAuthError as error:
        raise error.about(client_id=client.client_id, is_authentic=True)  # noqa: B904 - the same


def _authenticated(
    credentials: BasicCredentials | None,
    parameters: Parameters,
    environment: Environment,
    lookup: Lookup,
) -> Client:
    if credentials is None or not credentials.client_id or not credentials.client_secret:
        raise _malformed(parameters.authorization)
    client = lookup.client
    at = timezone.now()
    match = (client or _NOBODY).secret_match(credentials.client_secret, at)
    # The reasons are for the record that the app's owner can see. The answer never tells.
    if client is None:
        raise _failed(credentials).about(reason=Reason.UNKNOWN_CLIENT)
    if match is SecretMatch.NONE:
        raise _failed(credentials).about(reason=Reason.WRONG_SECRET)
    if (reason := unusable(client, environment)) is not None:
        raise client_authentication_failed().about(reason=reason, is_authentic=True)
    # The source shows on the app's page who still uses a secret that is about to end. *Test it now*
    # has none.
    source = parameters.source
    if match is SecretMatch.FORMER and source is not None:
        former_secret_uses.put(
            FormerSecretUse(client.pk, client.former_secret_digest, at, source or None)
        )
    return client


def _failed(credentials: BasicCredentials) -> InvalidClient:
    return note_damage(
        client_authentication_failed(),
        client_ID=credentials.client_id,
        client_secret=credentials.client_secret,
    )


def _malformed(header: str) -> InvalidClient:
    refusal = InvalidClient(
        "OAU-123",
        "Client authentication is missing or malformed. Send the client ID and the client secret "
        "with HTTP Basic, or both in the body.",
    )
    scheme, _space, encoded = header.strip().partition(" ")
    if encoded and scheme.lower() == "basic" and len(encoded.split()) > 1:
        refusal.hint = (
            "The base64 in the Authorization header has spaces or line breaks. Send it as one line."
        )
    elif scheme and not encoded and scheme.lower() not in ("basic", "bearer"):
        refusal.hint = (
            "The Authorization header does not name its scheme. Begin it with Basic and a space."
        )
    return refusal


def unusable(client: Client, environment: Environment) -> Reason | None:
    """Why the base URL of an environment refuses an authentic client; None if it doesn't."""
    if not client.is_active:
        return Reason.SUSPENDED
    if client.application.is_suspended:
        return Reason.SUSPENDED_BY_OPERATOR
    return None if client.environment == environment else Reason.OTHER_ENVIRONMENT
