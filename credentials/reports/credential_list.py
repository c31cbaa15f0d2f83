"""The filters and orders of the lists of credentials."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Extension, Organization
from core.pagination import Order
from credentials.models.app_access import AppAccess, PermittedClient
from credentials.models.applications import Client
from credentials.models.expiration import NEVER
from credentials.models.jwt_credential_queries import (
    JwtCredentialQuerySet,
    active_at,
    paused,
    refused_often,
    replaced,
)
from credentials.models.jwt_credentials import JwtCredential

CREDENTIAL_ORDERS = {
    "created": Order(("issued_at", "pk")),
    "-created": Order(("issued_at", "pk"), descending=True),
    "expires": Order(("expires_at", "pk")),
    "-expires": Order(("expires_at", "pk"), descending=True),
    "owner": Order(("extension__user__email", "pk")),
    "-owner": Order(("extension__user__email", "pk"), descending=True),
    "used": Order(("last_used_on", "pk")),
    "-used": Order(("last_used_on", "pk"), descending=True),
}
DEFAULT_CREDENTIAL_ORDER = "-created"
# Up to so many keys, a query lists them instead of using a subquery.
FEW = 300
# One person's credentials all have the same owner, and people know their own labels.
OWN_CREDENTIAL_ORDERS = {
    "label": Order(("label", "pk")),
    "-label": Order(("label", "pk"), descending=True),
    **{name: order for name, order in CREDENTIAL_ORDERS.items() if name.lstrip("-") != "owner"},
}


@dataclass(frozen=True)
class CredentialFilter:
    """Filters of the list, which all apply; an empty value filters nothing."""

    owner: str = ""
    environment: str = ""
    app: str = ""
    status: str = ""
    app_access: str = ""
    never_expires: bool = False
    expiring_days: int | None = None
    unused_days: int | None = None
    refused_often: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """The filters in use, for the audit log."""
        return {name: value for name, value in vars(self).items() if value not in ("", None, False)}


def organization_credentials(organization: Organization) -> JwtCredentialQuerySet:
    return JwtCredential.objects.filter(organization=organization)


def matching_credentials(
    organization: Organization, wanted: CredentialFilter, *, at: datetime | None = None
) -> JwtCredentialQuerySet:
    """The credentials of the organization that match the filters."""
    at = at or timezone.now()
    found = organization_credentials(organization).filter(_state(wanted, at) & _use(wanted, at))
    if wanted.app_access:
        found = found.filter(app_access=wanted.app_access)
    if wanted.owner or wanted.environment:
        found = found.filter(extension__in=_of_owners(organization, wanted))
    if wanted.refused_often:
        found = found.filter(refused_often(at))
    if wanted.app:
        found = found.filter(_usable_by(organization, wanted.app))
    return found


def _state(wanted: CredentialFilter, at: datetime) -> Q:
    states = {
        "active": active_at(at),
        "paused": active_at(at) & paused(at),
        "expired": Q(revoked_at__isnull=True, expires_at__lte=at) & ~Q(superseded_at__lte=at),
        "replaced": replaced(at),
        "revoked": Q(revoked_at__isnull=False) & ~replaced(at),
    }
    condition = states.get(wanted.status, Q())
    if wanted.never_expires:
        condition &= Q(expires_at__gte=NEVER)
    if wanted.expiring_days is not None:
        until = at + timedelta(days=wanted.expiring_days)
        condition &= states["active"] & Q(expires_at__lte=until)
    return condition


def _use(wanted: CredentialFilter, at: datetime) -> Q:
    if wanted.unused_days is None:
        return Q()
    return unused_since(at - timedelta(days=wanted.unused_days))


def unused_since(moment: datetime) -> Q:
    # A credential that is younger than the period says nothing about it.
    return Q(last_used_on__lt=moment.date(), issued_at__lt=moment)


def _few_or_query(found: QuerySet[Any]) -> QuerySet[Any] | list[Any]:
    """The keys that a query finds if there are few, and the query otherwise."""
    # For a few keys, the database reads their credentials and sorts them. Otherwise it reads the
    # list in its order until a page is full. It can't guess which is faster, so we count first.
    keys = found.order_by().values_list("pk", flat=True)
    few = list(keys[: FEW + 1])
    return keys if len(few) > FEW else few


def _of_owners(
    organization: Organization, wanted: CredentialFilter
) -> QuerySet[Extension] | list[Any]:
    extensions = _extensions(organization, wanted)
    return _few_or_query(extensions) if wanted.owner else extensions


def _extensions(organization: Organization, wanted: CredentialFilter) -> QuerySet[Extension]:
    extensions = Extension.objects.filter(account__organization=organization)
    if wanted.environment:
        extensions = extensions.in_environment(wanted.environment)
    return extensions.matching(wanted.owner)


def _usable_by(organization: Organization, app: str) -> Q:
    """Credentials that allow the app, found by client ID or by a part of its name."""
    clients = Client.objects.filter(Q(client_id=app) | Q(application__name__icontains=app))
    listed = Exists(
        PermittedClient.objects.filter(credential=OuterRef("pk"), client__in=clients.values("pk"))
    )
    own = clients.filter(application__organization=organization)
    environments = set(own.order_by().values_list("environment", flat=True).distinct())
    broad = Q(app_access=AppAccess.ORGANIZATION, extension__account__environment__in=environments)
    return Q(listed) | broad if environments else Q(listed)
