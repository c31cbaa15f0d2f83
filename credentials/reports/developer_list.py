"""The filters, the orders and the rows of the list of developers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from django.db.models import Case, Count, Exists, OuterRef, Value, When
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Extension, Membership, Organization
from accounts.models.organizations import MembershipQuerySet
from accounts.roles import ConsoleRole
from core.pagination import Order
from credentials.models.jwt_credentials import JwtCredential

DEVELOPER_ORDERS = {
    "name": Order(("sort_first", "sort_last", "pk")),
    "-name": Order(("sort_first", "sort_last", "pk"), descending=True),
    "email": Order(("user__email", "pk")),
    "-email": Order(("user__email", "pk"), descending=True),
    "role": Order(("sort_role", "user__email", "pk")),
    "-role": Order(("sort_role", "user__email", "pk"), descending=True),
    "active": Order(("sort_active", "pk")),
    "-active": Order(("sort_active", "pk"), descending=True),
}
DEFAULT_DEVELOPER_ORDER = "name"

NEVER_ACTIVE = datetime(1970, 1, 1, tzinfo=UTC)
# Recovery codes are no second factor of their own. Everyone with a second factor has them.
_FACTORS = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)


@dataclass(frozen=True)
class DeveloperFilter:
    """Filters of the list, which all apply; an empty value filters nothing."""

    text: str = ""
    role: str = ""
    environment: str = ""
    mfa: str = ""
    status: str = ""


def organization_people(organization: Organization) -> MembershipQuerySet:
    """Everyone in the organization, with the columns to sort by."""
    ranks = [When(role=role, then=rank) for rank, role in enumerate(ConsoleRole)]
    return (
        Membership.objects.filter(organization=organization)
        .select_related("user")
        .annotate(
            sort_first=Lower("user__first_name"),
            sort_last=Lower("user__last_name"),
            sort_role=Case(*ranks, default=0),
            sort_active=Coalesce("user__last_active_at", Value(NEVER_ACTIVE)),
        )
    )


def matching_developers(people: MembershipQuerySet, wanted: DeveloperFilter) -> MembershipQuerySet:
    people = people.matching(wanted.text)
    if wanted.role:
        people = people.filter(role=wanted.role)
    if wanted.status:
        people = people.filter(user__is_active=wanted.status == "active")
    if wanted.environment:
        logins = Extension.objects.filter(user=OuterRef("user"))
        people = people.filter(Exists(logins.in_environment(wanted.environment)))
    if wanted.mfa:
        secured = Exists(_FACTORS.filter(user=OuterRef("user")))
        people = people.filter(secured if wanted.mfa == "on" else ~secured)
    return people


@dataclass
class DeveloperRow:
    """One row of the list."""

    membership: Membership
    environments: list[Environment] = field(default_factory=list)
    active_credentials: int = 0
    has_mfa: bool = False


def developer_rows(
    memberships: Sequence[Membership], *, at: datetime | None = None
) -> list[DeveloperRow]:
    """The rows for these people, in three queries, regardless of their number."""
    people = {membership.user_id: DeveloperRow(membership) for membership in memberships}
    extensions = Extension.objects.filter(user__in=people).select_related("account")
    for extension in extensions.order_by("-account__environment"):
        people[extension.user_id].environments.append(extension.environment)
    counts = (
        JwtCredential.objects.active(at or timezone.now())
        .filter(extension__user__in=people)
        .values_list("extension__user")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for user_id, count in counts:
        people[user_id].active_credentials = count
    for user_id in _FACTORS.filter(user__in=people).values_list("user", flat=True):
        people[user_id].has_mfa = True
    return list(people.values())
