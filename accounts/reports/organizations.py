"""The organizations of the installation, for operators."""

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower

from accounts.models import Membership, Organization
from core.pagination import Order

ORGANIZATION_ORDERS = {
    "name": Order(("sort_name", "pk")),
    "-name": Order(("sort_name", "pk"), descending=True),
    "created": Order(("created_at", "pk")),
    "-created": Order(("created_at", "pk"), descending=True),
}
STATES = [("active", "Active"), ("waiting", "No one joined yet"), ("suspended", "Suspended")]


def listed_organizations() -> QuerySet[Organization]:
    """All organizations with their number of people, and the columns to sort by."""
    people = Membership.objects.filter(organization=OuterRef("pk"), user__is_active=True)
    return Organization.objects.annotate(sort_name=Lower("name"), people=counted(people))


def state_of(organization: Organization) -> str:
    """The state of one of `listed_organizations`."""
    if organization.is_suspended:
        return "suspended"
    return "active" if getattr(organization, "people", 0) else "waiting"


def counted(rows: "QuerySet[Any]") -> Coalesce:
    """How many of these rows each organization has."""
    counts = rows.order_by().values("organization").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def wanted_organizations(
    organizations: QuerySet[Organization], *, text: str = "", state: str = ""
) -> QuerySet[Organization]:
    if text:
        organizations = organizations.filter(name__icontains=text)
    match state:
        case "suspended":
            return organizations.filter(suspended_at__isnull=False)
        case "waiting":
            return organizations.filter(suspended_at__isnull=True, memberships__isnull=True)
        case "active":
            joined = Membership.objects.values("organization")
            return organizations.filter(suspended_at__isnull=True, pk__in=joined)
    return organizations
