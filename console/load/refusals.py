"""Two weeks of requests of the large organization that the APIs refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from accounts.permissions import AppScope
from console.load import bulk
from console.load.apps import Apps
from console.load.credentials import Credentials
from console.load.dice import Dice
from credentials.actions.refusals import note_often_refused
from credentials.error_codes import entry_of
from credentials.models import AppAccess, Client, JwtCredential, Refusal
from credentials.models.refusals import KEPT, RefusedWhat
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

WRONG_SECRET = errors.client_authentication_failed().about(reason=Reason.WRONG_SECRET)
REVOKED = errors.credential_revoked()
EXPIRED = errors.credential_expired()
NOT_PERMITTED = errors.app_not_allowed()
TOKEN_EXPIRED = access_token_expired()
SCOPE_MISSING = ScopeMissing(AppScope.EDIT_ACCOUNTS)

NAMES = (
    "at", "request_id", "environment", "what", "method", "path", "status", "error", "code",
    "message", "check_name", "reason", "presented_client_id", "client_id", "is_authentic",
    "credential_id", "missing", "address",
)  # fmt: skip


@dataclass(frozen=True)
class LoadedRefusal:
    at: datetime
    client: Client
    credential: JwtCredential | None
    error: OAuthError | BearerError
    address: str

    def row(self, request_id: str) -> tuple[object, ...]:
        is_call = isinstance(self.error, BearerError)
        rfc_error = (
            self.error.rfc_error if isinstance(self.error, BearerError) else self.error.error
        )
        entry = entry_of(self.error.code, rfc_error, rest=is_call)
        return (
            self.at,
            request_id,
            self.client.environment,
            RefusedWhat.CALL.value if is_call else RefusedWhat.EXCHANGE.value,
            "GET" if is_call else "POST",
            "/restapi/v1.0/account/{accountId}" if is_call else "/restapi/oauth/token",
            self.error.status,
            rfc_error,
            self.error.code,
            self.error.message,
            str(entry.check) if entry and entry.check else "",
            self.error.facts.reason,
            self.client.client_id,
            self.client.pk,
            self.error is not WRONG_SECRET,
            self.credential.pk if self.credential else None,
            self.error.facts.missing,
            self.address,
        )


def refusals(made: Credentials, apps: Apps, count: int, *, dice: Dice, now: datetime) -> int:
    """`count` refusals at even intervals, as far back as they are kept."""
    start = now - KEPT
    there = [credential for credential in made.credentials if credential.issued_at < start]
    concerned = dice.sample(there, -(-len(there) // REFUSED_SHARE))
    moments = (start + (now - start) * (number + 1) / (count + 1) for number in range(count))
    written = bulk.stream_values(
        Refusal,
        NAMES,
        (each.row(str(dice.uuid())) for each in _thrown(concerned, apps, moments, dice)),
    )
    note_often_refused(credential.pk for credential in concerned)
    return written


def _thrown(
    concerned: list[JwtCredential], apps: Apps, moments: Iterator[datetime], dice: Dice
) -> Iterator[LoadedRefusal]:
    for at in moments:
        address = f"198.51.100.{dice.randrange(1, 255)}"
        if dice.chance(WRONG_SECRETS) or not concerned:
            clients = dice.choice(list(apps.clients.values()))
            yield LoadedRefusal(at, _client(clients, dice), None, WRONG_SECRET, address)
        else:
            credential = dice.favorite(concerned)
            clients = apps.clients[credential.extension.environment]
            error = _why(credential, at, dice)
            yield LoadedRefusal(at, _client(clients, dice), credential, error, address)


def _client(clients: list[Client], dice: Dice) -> Client:
    return clients[0] if dice.chance(FAVORITE_SHARE) else dice.favorite(clients)


def _why(credential: JwtCredential, at: datetime, dice: Dice) -> OAuthError | BearerError:
    # The check that fails for this credential, or otherwise one of the call.
    if credential.revoked_at is not None and credential.revoked_at <= at:
        return REVOKED
    if credential.is_expired(at):
        return EXPIRED
    if credential.app_access == AppAccess.SPECIFIC and not dice.chance(CALLS):
        return NOT_PERMITTED
    return TOKEN_EXPIRED if dice.chance(0.5) else SCOPE_MISSING
