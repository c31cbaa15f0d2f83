"""Two weeks of requests of the large organization that the APIs refused."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from accounts.environments import Environment
from console.demo.calls import (
    EXCHANGE,
    READ_ACCOUNT,
    VERIFICATION,
    RefusedPath,
    protected_calls,
)
from console.demo.refusals import refused
from console.load import bulk
from console.load.apps import Apps
from console.load.credentials import Credentials
from console.load.dice import Dice
from credentials.actions.refusals import note_often_refused
from credentials.models import AppAccess, JwtCredential, Refusal
from credentials.models.refusals import KEPT
from credentials.oauth import errors
from credentials.oauth.bearer import BearerError, ScopeMissing, access_token_expired
from credentials.oauth.errors import OAuthError
from credentials.refused import Reason

# One in this many credentials is refused, and the first of them more often than the others.
REFUSED_SHARE = 50
# The shares of requests with a replaced client secret, and of calls.
WRONG_SECRETS, CALLS = 0.1, 0.2
# The share of the first app, which gets a long list.
FAVORITE_SHARE = 0.05
# How many operations of a platform are called.
CALLED = 5

WRONG_SECRET = errors.client_authentication_failed().about(reason=Reason.WRONG_SECRET)
REVOKED = errors.credential_revoked()
EXPIRED = errors.credential_expired()
NOT_PERMITTED = errors.app_not_allowed()
TOKEN_EXPIRED = access_token_expired()
# The columns that have the names of the recorded values.
SAME_NAMES = (
    "at", "request_id", "environment", "what", "method", "path", "status", "error", "code",
    "message", "check_name", "reason", "presented_client_id", "is_authentic", "missing", "api",
    "operation", "address",
)  # fmt: skip
NAMES = (*SAME_NAMES, "client_id", "credential_id")


def refusals(made: Credentials, apps: Apps, count: int, *, dice: Dice, now: datetime) -> int:
    start = now - KEPT
    there = [credential for credential in made.credentials if credential.issued_at < start]
    concerned = dice.sample(there, -(-len(there) // REFUSED_SHARE))
    moments = (start + (now - start) * (number + 1) / (count + 1) for number in range(count))
    written = bulk.stream_values(Refusal, NAMES, _thrown(concerned, apps, moments, dice))
    note_often_refused(credential.pk for credential in concerned)
    return written


def _thrown(
    concerned: list[JwtCredential], apps: Apps, moments: Iterator[datetime], dice: Dice
) -> Iterator[tuple[object, ...]]:
    calls = {environment: _calls(environment) for environment in Environment}
    for at in moments:
        credential: JwtCredential | None = None
        error: OAuthError | BearerError = WRONG_SECRET
        path = EXCHANGE
        if dice.chance(WRONG_SECRETS) or not concerned:
            clients = dice.choice(list(apps.clients.values()))
        else:
            credential = dice.favorite(concerned)
            environment = credential.extension.environment
            clients = apps.clients[environment]
            error, path = _why(credential, at, dice.choice(calls[environment]), dice)
        client = clients[0] if dice.chance(FAVORITE_SHARE) else dice.favorite(clients)
        recorded = refused(
            error,
            path=path,
            request_id=str(dice.uuid()),
            at=at,
            client=client,
            credential=credential,
            address=f"198.51.100.{dice.randrange(1, 255)}",
        )
        same = (getattr(recorded, name) for name in SAME_NAMES)
        yield (*same, client.pk, recorded.credential_id or None)


def _why(
    credential: JwtCredential, at: datetime, call: RefusedPath, dice: Dice
) -> tuple[OAuthError | BearerError, RefusedPath]:
    # The check that fails for this credential, or otherwise one of the call.
    if credential.revoked_at is not None and credential.revoked_at <= at:
        return REVOKED, EXCHANGE
    if credential.is_expired(at):
        return EXPIRED, EXCHANGE
    if credential.app_access == AppAccess.SPECIFIC and not dice.chance(CALLS):
        return NOT_PERMITTED, EXCHANGE
    if dice.chance(0.5) or not call.needed:
        return TOKEN_EXPIRED, call
    return ScopeMissing(" ".join(call.needed)), call


def _calls(environment: Environment) -> list[RefusedPath]:
    """Calls to the built-in API or to the platform's own APIs; without any API, to `verify`."""
    if settings.PLATFORM.built_in_api:
        return [READ_ACCOUNT]
    return protected_calls(environment)[:CALLED] or [VERIFICATION]
