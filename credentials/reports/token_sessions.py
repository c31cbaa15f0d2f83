"""The token sessions that apps can still refresh, of one credential or of one client.

A session is shown by its unused refresh token, which the last exchange or refresh inserted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Membership
from core.pagination import Order
from credentials.models import Client, JwtCredential, RefreshToken
from credentials.models.jwt_credential_queries import is_visible_to
from credentials.models.refresh_tokens import RefreshTokenQuerySet

LATEST_FIRST = Order(("issued_at", "pk"), descending=True)
# Pages count no further, because a client can have any number of sessions.
COUNTED = 1_000


@dataclass(frozen=True)
class SessionCount:
    total: int
    """At most one more than `COUNTED`."""
    by_name: Sequence[tuple[str, int]] = ()
    """The most frequent first."""

    @property
    def in_words(self) -> str:
        if self.total > COUNTED:
            return f"more than {COUNTED:,} token sessions"
        return f"{self.total:,} token session{'' if self.total == 1 else 's'}"


def sessions_of_credential(credential: JwtCredential, at: datetime) -> RefreshTokenQuerySet:
    return RefreshToken.objects.refreshable(at).filter(credential=credential)


def sessions_of_client(client: Client, at: datetime) -> RefreshTokenQuerySet:
    return RefreshToken.objects.refreshable(at).filter(client=client)


def seen_by(viewer: Membership, sessions: RefreshTokenQuerySet) -> RefreshTokenQuerySet:
    """Those of credentials that the viewer can see."""
    return sessions.filter(is_visible_to(viewer, path="credential__"))


def count_by_app(sessions: RefreshTokenQuerySet) -> SessionCount:
    apps = sessions.order_by().values_list("client__application__name", flat=True)
    names = Counter(apps[: COUNTED + 1])
    return SessionCount(names.total(), names.most_common())


def count_seen(viewer: Membership, sessions: RefreshTokenQuerySet) -> dict[bool, SessionCount]:
    """How many sessions are of credentials that the viewer can see, and how many are of others."""
    seen = sessions.order_by().annotate(seen=is_visible_to(viewer, path="credential__"))
    found = Counter(seen.values_list("seen", flat=True)[: COUNTED + 1])
    return {is_seen: SessionCount(found[is_seen]) for is_seen in (True, False)}
