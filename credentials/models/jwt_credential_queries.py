import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import (
    Case,
    Count,
    ExpressionWrapper,
    F,
    FilteredRelation,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from accounts.models import Membership
from accounts.models.extensions import ExtensionStatus
from accounts.roles import DEVELOPER_ROLES, ConsolePermission
from credentials.models.app_access import PermittedClient
from credentials.models.applications import Client
from credentials.models.expiration import REMINDERS, UNREMINDED
from credentials.models.usage import CallUsage, ExchangeUsage

if TYPE_CHECKING:
    from credentials.models.jwt_credentials import JwtCredential

# How many apps a row of a list names; a credential may be for a hundred.
APPS_NAMED = 2
_POLICIES = "extension__account__organization__policies"


def active_at(at: datetime) -> Q:
    """Neither revoked nor replaced nor expired at that moment."""
    return Q(revoked_at__isnull=True, expires_at__gt=at) & ~Q(superseded_at__lte=at)


def paused(at: datetime) -> Q:
    return Q(paused_until__gt=at)


def refused_often(at: datetime) -> Q:
    # Its status doesn't matter: apps can still send a credential that no longer works.
    return Q(refused_often_until__gt=at)


def replaced(at: datetime) -> Q:
    """Ended by a replacement, whether `tick` already wrote the revocation or not."""
    until = Q(revoked_at__isnull=True, superseded_at__lte=at)
    return until | Q(superseded_at__isnull=False, superseded_at__lte=F("revoked_at"))


def is_visible_to(viewer: Membership, *, path: str = "") -> "ExpressionWrapper[Q]":
    """Whether the viewer can see each row, as a column; `sees_credential` decides for one row.

    `path` leads from the rows of a query to their credentials: `credential__`.
    """
    visible = (
        Q(**{f"{path}organization": viewer.organization})
        if viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY)
        else Q(**{f"{path}extension__user": viewer.user})
    )
    return ExpressionWrapper(visible, models.BooleanField())


def _last_at(days: "models.QuerySet[Any]") -> Subquery:
    """The latest moment of days of use."""
    latest = days.order_by().values("credential").annotate(last=Max("last_at"))
    return Subquery(latest.values("last"))


class JwtCredentialQuerySet(models.QuerySet["JwtCredential"]):
    def of(self, owner: Membership) -> Self:
        return self.filter(extension__user=owner.user)

    def in_environment(self, environment: str | None) -> Self:
        """All without an environment."""
        return self.filter(extension__account__environment=environment) if environment else self

    def with_policy(self) -> Self:
        """Read the policy that governs each credential in the same query."""
        environment = Q(**{f"{_POLICIES}__environment": F("extension__account__environment")})
        governing = FilteredRelation(_POLICIES, condition=environment)
        read = self.annotate(governing_policy=governing, policy_is_read=Value(True))
        return read.select_related("governing_policy")

    def presented(self, pk: uuid.UUID) -> "JwtCredential | None":
        """The credential that a JWT names, with its owner in the same query."""
        people = ("extension__account", "extension__user__membership")
        return self.select_related(*people).filter(pk=pk).first()

    def active(self, at: datetime) -> Self:
        """Neither revoked nor replaced nor expired."""
        return self.filter(active_at(at))

    def due_for_reminder(self, at: datetime) -> Self:
        """The credentials to remind their owners of now, with the reminder's days as `due_days`.

        Leaves out owners who can't authenticate (JWT-106), and credentials that are being
        replaced. If several reminders are due, only the last one is.
        """
        reminders = [
            When(
                Q(expires_at__lte=at + timedelta(days=days))
                & Q(issued_at__lte=F("expires_at") - (timedelta(days=days) + UNREMINDED))
                & (Q(reminded_days__isnull=True) | Q(reminded_days__gt=days)),
                then=Value(days),
            )
            for days in REMINDERS
        ]
        return (
            self.active(at)
            .filter(
                superseded_at__isnull=True,
                expires_at__lte=at + timedelta(days=max(REMINDERS)),
                extension__status=ExtensionStatus.ENABLED,
                extension__user__is_active=True,
                extension__user__membership__role__in=DEVELOPER_ROLES,
            )
            .annotate(due_days=Case(*reminders, output_field=models.PositiveSmallIntegerField()))
            .filter(due_days__isnull=False)
        )

    def pause_unmissed(self, at: datetime) -> Self:
        """Active credentials whose pause ended without a refused request, not asked about yet."""
        return self.active(at).filter(
            paused_until__lte=at, pause_missed_at__isnull=True, pause_asked_at__isnull=True
        )

    def with_facts(self) -> Self:
        """Everything that the page of a credential shows about it, in one query."""
        exchanges, calls = (
            rows.filter(credential=OuterRef("pk"))
            for rows in (ExchangeUsage.objects.all(), CallUsage.objects.all())
        )
        # Reads only the days since the last exchange instead of a year of them. The last call can
        # be earlier, so we search for it without that limit if there is none.
        since = Q(day__gte=OuterRef("last_used_on"))
        last_call = Coalesce(_last_at(calls.filter(since)), _last_at(calls))
        return (
            self.with_policy()
            .with_permitted_count()
            .select_related(
                "extension__account__organization",
                "extension__user__membership",
                "signing_key",
                "created_by",
                "revoked_by",
                "paused_by",
            )
            .annotate(last_used_at=_last_at(exchanges.filter(since)), last_call_at=last_call)
        )

    def with_permitted_count(self) -> Self:
        permitted = (
            PermittedClient.objects.filter(credential=OuterRef("pk"))
            .order_by()
            .values("credential")
            .annotate(count=Count("pk"))
            .values("count")
        )
        return self.annotate(permitted_count=Coalesce(Subquery(permitted), 0))

    def with_rotation(self) -> Self:
        """The credential that each one replaces."""
        # Joins would take longer to plan than these rows take to read.
        return self.prefetch_related("rotation__replaced")

    def with_some_apps(self) -> Self:
        """The apps that a row of a list names, and how many there are."""
        first = Client.objects.select_related("application").order_by("application__name", "pk")
        return self.with_permitted_count().prefetch_related(
            Prefetch("permitted_clients", first[:APPS_NAMED], to_attr="first_clients")
        )
