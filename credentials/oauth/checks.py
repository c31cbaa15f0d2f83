"""The checks on state: what must hold at every exchange, every refresh and every call.

They are data, because four walk them: the token endpoint, the bearer of an access token, the
console's dry run (*Test it now*), and *Why did my call fail?*. None can tell another story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from core import networks
from credentials.models import Client, JwtCredential, Policy
from credentials.models.app_access import AppAccess
from credentials.oauth.errors import InvalidGrant, OAuthError
from credentials.policy_rules import refusal_of_address, refusal_of_use
from credentials.refused import CheckName
from credentials.wording import networks_in_words


@dataclass(frozen=True)
class Exchange:
    """A genuine credential presented by an authentic client at one moment.

    `source` is the address that the client called from; None if nobody knows it, as in a test
    from the console.
    """

    client: Client
    credential: JwtCredential
    policy: Policy
    """Of the credential's organization and environment."""
    is_listed: bool
    """Whether the credential's list of specific apps names the client."""
    at: datetime
    source: str | None = None

    @classmethod
    def read(
        cls, client: Client, credential: JwtCredential, at: datetime, source: str | None = None
    ) -> "Exchange":
        """With what the rows of the two do not say, for pages; programs read all at once."""
        is_listed = credential.permitted.filter(client=client).exists()
        return cls(client, credential, credential.policy, is_listed, at, source)


@dataclass(frozen=True)
class Check:
    """One condition; `refusal` answers the error of an exchange that does not meet it.

    `unknown` says why an exchange can't be judged here.
    """

    name: CheckName
    title: str
    refusal: Callable[[Exchange], OAuthError | None]
    unknown: Callable[[Exchange], str] | None = None


def revoked_refusal(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    if credential.superseded_at is not None and credential.is_replaced(exchange.at):
        return InvalidGrant(
            "JWT-102",
            "This credential was replaced by another one and stopped working on "
            f"{credential.superseded_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.",
        )
    if not credential.is_revoked:
        return None
    return InvalidGrant("JWT-102", "This credential has been revoked.")


def _expired(exchange: Exchange) -> OAuthError | None:
    if not exchange.credential.is_expired(exchange.at):
        return None
    return InvalidGrant("JWT-103", "This credential has expired.")


def _not_permitted(exchange: Exchange) -> OAuthError | None:
    if _is_permitted(exchange):
        return None
    return InvalidGrant("JWT-105", "This app is not permitted to use this credential.")


def _is_permitted(exchange: Exchange) -> bool:
    """A private app of another organization is not, even if it is on the list."""
    credential, application = exchange.credential, exchange.client.application
    is_own = application.organization_id == credential.extension.account.organization_id
    if credential.app_access == AppAccess.ORGANIZATION:
        return is_own
    return exchange.is_listed and (is_own or application.is_public)


def _owner_may_not(exchange: Exchange) -> OAuthError | None:
    if exchange.credential.owner_can_authenticate:
        return None
    return InvalidGrant(
        "JWT-106",
        "The owner of this credential may not authenticate: the person, the console role or the "
        "account in this environment does not stand.",
    )


def _against_policy(exchange: Exchange) -> OAuthError | None:
    refusal = refusal_of_use(exchange.policy, exchange.credential)
    return None if refusal is None else InvalidGrant("JWT-107", refusal)


def _from_elsewhere(exchange: Exchange) -> OAuthError | None:
    if exchange.source is None:
        return None
    if refusal := refusal_of_address(exchange.policy, exchange.source):
        return InvalidGrant("JWT-107", refusal)
    if networks.allows(exchange.source, exchange.credential.allowed_networks):
        return None
    seen = exchange.source or "unknown"
    return InvalidGrant("JWT-107", f"This credential does not allow calls from the address {seen}.")


def _source_unknown(exchange: Exchange) -> str:
    if exchange.source is not None or not exchange.credential.limits_sources:
        return ""
    return (
        "Networks are limited, and from here nobody knows the address that the app calls from: "
        f"{networks_in_words(exchange.credential)}."
    )


CHECKS: tuple[Check, ...] = (
    Check(CheckName.REVOCATION, "The credential has not been revoked", revoked_refusal),
    Check(CheckName.EXPIRY, "The credential has not expired", _expired),
    Check(CheckName.APP_ACCESS, "The app is permitted to use the credential", _not_permitted),
    Check(CheckName.OWNER, "The owner may authenticate", _owner_may_not),
    Check(CheckName.POLICY, "The organization's policy allows it", _against_policy),
    Check(
        CheckName.NETWORK,
        "The app calls from an allowed network",
        _from_elsewhere,
        _source_unknown,
    ),
)
