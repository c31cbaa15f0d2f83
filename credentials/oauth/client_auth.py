"""Client authentication: `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest
from django.utils import timezone

from accounts.environments import Environment
from core.background import BackgroundWriter
from core.origin import network_of
from credentials.models import Client
from credentials.models.applications import NO_DIGEST, FormerSecretUse, SecretMatch
from credentials.oauth.errors import InvalidClient, InvalidRequest, OAuthError
from credentials.oauth.lookup import Lookup
from credentials.oauth.parameters import (
    BasicCredentials,
    Parameters,
    basic_credentials,
    has_basic,
)
from credentials.refused import CheckName, Reason

# Used for the comparison when the client ID is unknown, so that the answer takes as long.
_NOBODY = Client(secret_digest=NO_DIGEST)

former_secret_uses = BackgroundWriter(
    "former-secret-uses", Client.objects.note_former_secret_use, capacity=10_000
)


def presented_credentials(request: HttpRequest, parameters: Parameters) -> BasicCredentials | None:
    """What the client authenticates with; None if nothing usable is there.

    Raises `InvalidRequest` for two methods at once (RFC 6749 §2.3).
    """
    client_id, client_secret = parameters.get("client_id"), parameters.get("client_secret")
    if has_basic(request):
        if client_secret is not None:
            raise InvalidRequest("Authenticate with HTTP Basic or in the body, not both.")
        credentials = basic_credentials(request)
        if credentials and client_id not in (None, credentials.client_id):
            raise InvalidRequest("The client_id in the body is not the one of HTTP Basic.")
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
    """The client of this environment whose secret this is. Raises `InvalidClient`.

    `lookup` is what was read for its client ID, in one statement with what else it presents.
    Failures are counted by client ID and address together, and never a success: whoever guesses
    at one address keeps nobody out, not even the client itself at the same address.
    """
    try:
        return _authenticated(credentials, parameters.source, environment, lookup)
    except InvalidClient:
        claimed = credentials.client_id if credentials else ""
        try:
            parameters.count("failed authentication", claimed, network_of(parameters.source))
        except OAuthError as too_many:
            raise too_many.about(check=CheckName.CLIENT)  # noqa: B904 - the same
        raise


@contextmanager
def known_client(client: Client) -> Iterator[None]:
    """What is refused in here is refused to this client, which has proved who it is."""
    try:
        yield
    except OAuthError as error:
        raise error.about(client_id=client.client_id, is_authentic=True)  # noqa: B904 - the same


def _authenticated(
    credentials: BasicCredentials | None,
    source: str | None,
    environment: Environment,
    lookup: Lookup,
) -> Client:
    """The same without counting.

    `source`, the address that it called from, tells who still uses a secret about to end; None if
    no app called, as in a test from the console.
    """
    if credentials is None or not credentials.client_id or not credentials.client_secret:
        raise InvalidClient("OAU-123", "Client authentication is missing or malformed.")
    client = lookup.client
    at = timezone.now()
    match = (client or _NOBODY).secret_match(credentials.client_secret, at)
    authentic = match is not SecretMatch.NONE
    if client is None or not authentic or not client.is_active or client.environment != environment:
        raise InvalidClient(
            "OAU-146", "Client authentication failed: check client ID, secret and environment."
        ).about(
            reason=_reason(client, is_authentic=authentic),
            is_authentic=client is not None and authentic,
        )
    if match is SecretMatch.FORMER and source is not None:
        former_secret_uses.put(
            FormerSecretUse(client.pk, client.former_secret_digest, at, source or None)
        )
    return client


def _reason(client: Client | None, *, is_authentic: bool) -> Reason:
    """Why it was refused: for the record that the app's owner may read, never for the answer."""
    if client is None:
        return Reason.UNKNOWN_CLIENT
    if not is_authentic:
        return Reason.WRONG_SECRET
    return Reason.OTHER_ENVIRONMENT if client.is_active else Reason.SUSPENDED
