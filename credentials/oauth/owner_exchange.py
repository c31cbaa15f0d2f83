"""*Try it*: an exchange in the console, which the owner of a credential makes for an app."""

from datetime import timedelta

from django.utils import timezone

from credentials.actions.tokens import count_exchange, sign_access_token
from credentials.models import Client, JwtCredential
from credentials.models.refresh_tokens import TokenSession
from credentials.oauth.checks import CHECKS, Exchange, first_refusal
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.lookup import Lookup
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.oauth.targets import target_of

# Enough for one call, which starts immediately.
TOKEN_TTL = timedelta(minutes=1)


def needs_secret(credential: JwtCredential, client: Client) -> bool:
    """Members of an app's organization can exchange for the app without its client secret."""
    return client.application.organization_id != credential.organization_id


def exchange_as_owner(
    credential: JwtCredential, client: Client, *, resource: str, raw_secret: str, source: str
) -> str:
    """An access token for one call to the API with this audience. Raises an `OAuthError`.

    The checks are those of the token endpoint, and `source` is the address of the person. There is
    no refresh token, and a rotation's grace period doesn't start, because the app itself hasn't
    used the credential.
    """
    parameters = Parameters({}, source=source)
    if raw_secret or needs_secret(credential, client):
        presented = BasicCredentials(client.client_id, raw_secret)
        lookup = Lookup(client=client)
        client = authenticate_client(presented, parameters, credential.environment, lookup)
    with known_client(client):
        parameters.count(client.client_id, str(credential.extension_id))
        exchange = Exchange.read(credential.environment, client, credential, timezone.now(), source)
        if (refusal := first_refusal(exchange, CHECKS)) is not None:
            raise refusal
        target = target_of(exchange, exchange.available_scopes, resource)
        token = sign_access_token(
            credential,
            client,
            scopes=target.scopes,
            audience=target.audience,
            ttl=TOKEN_TTL,
            session=TokenSession.starting(exchange.at),
            at=exchange.at,
        )
    count_exchange(credential, client, at=exchange.at, source=source)
    return token.value
