"""The pages that `benchmarks.pages` asks for: lists, their filters, and every other one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.db.models import Count, QuerySet
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.actions.users import mark_operator
from accounts.environments import Environment
from accounts.models import AuditEvent, Extension, Membership, Notice
from accounts.models.extensions import ExtensionStatus
from accounts.reports.audit_log import events_of
from accounts.second_factor import has_second_factor
from core.origin import Origin
from core.pagination import PAGE_SIZE, Order
from credentials.actions.rotations import GRACE_PERIODS, rotate_jwt_credential
from credentials.models import Client, ExchangeUsage, JwtCredential, Refusal
from credentials.reports.credential_list import (
    CREDENTIAL_ORDERS,
    OWN_CREDENTIAL_ORDERS,
    organization_credentials,
)
from credentials.reports.developer_list import DEVELOPER_ORDERS, organization_people
from tests.house.urls import every_url

ORIGIN = Origin.command("benchmarks.pages")
NEWEST = Order(("created_at", "pk"), descending=True)


@dataclass(frozen=True)
class Place:
    """One page of a list, by its query string."""

    query: dict[str, str]

    def address(self, path: str) -> str:
        return f"{path}?{urlencode(self.query)}" if self.query else path


@dataclass(frozen=True)
class Listing:
    """A list in one order, with its rows to find the pages in the middle and at the end."""

    name: str
    path: str
    rows: QuerySet[Any]
    order: Order
    query: dict[str, str]
    prefix: str = ""
    """The prefix of the parameters of a list that shares its page with another list."""

    @property
    def count(self) -> int:
        return self.rows.count()

    @property
    def places(self) -> list[Place]:
        """The first page, one in the middle and the last, then the middle and first backwards."""
        places = [Place(self.query)]
        if (count := self.count) > PAGE_SIZE:
            middle, end = self._key_at(count // 2), self._key_at(count - PAGE_SIZE)
            places += [self._at("after", middle), self._at("after", end)]
            places += [self._at("before", end), self._at("before", middle)]
        return places

    def _at(self, name: str, key: object) -> Place:
        return Place({**self.query, f"{self.prefix}{name}": str(key)})

    def _key_at(self, index: int) -> object:
        return self.rows.order_by(*self.order.columns).values_list("pk", flat=True)[index]


@dataclass(frozen=True)
class People:
    """The people who view the pages. The one with more permissions comes first."""

    administrator: Membership
    """Account administrator and Developer Admin, and operator of the installation."""
    developer: Membership
    """Owns many apps and credentials."""

    @classmethod
    def of(cls, name: str) -> "People":
        founders = Membership.objects.select_related("user", "organization").filter(
            organization__name=name, user__last_name="Load"
        )
        administrator, developer = founders.order_by("-is_account_admin")
        return cls(administrator, developer)

    def sign_in(self) -> tuple[Browser, Browser]:
        return signed_in(self.administrator), signed_in(self.developer)


def signed_in(membership: Membership) -> Browser:
    """A browser after step-up, which some pages require."""
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(membership.user, settings.AUTHENTICATION_BACKENDS[0])
    browser.post(reverse("account_reauthenticate"), {"password": settings.DEMO_PASSWORD})
    return browser


def listings(people: People) -> Iterator[Listing]:
    """Every long list, in every order."""
    organization = people.administrator.organization
    path = reverse("organization:developers")
    for sort, order in DEVELOPER_ORDERS.items():
        yield Listing(
            f"Developers by {sort}", path, organization_people(organization), order, {"sort": sort}
        )
    path = reverse("organization:credentials")
    everything = organization_credentials(organization)
    for sort, order in CREDENTIAL_ORDERS.items():
        yield Listing(f"Credentials by {sort}", path, everything, order, {"sort": sort})
    path = reverse("developer_credentials:list", args=[people.developer.user_id])
    own = JwtCredential.objects.of(people.developer)
    for sort, order in OWN_CREDENTIAL_ORDERS.items():
        yield Listing(f"One person’s credentials by {sort}", path, own, order, {"sort": sort})
    yield Listing(
        "Apps", reverse("credentials:applications"), organization.applications.all(), NEWEST, {},
    )  # fmt: skip
    yield Listing(
        "Access: people", reverse("accounts:access"),
        organization.memberships.all(), Order(("user__email",)), {},
    )  # fmt: skip
    yield Listing(
        "Access: invitations", reverse("accounts:access"), organization.invitations.all(), NEWEST,
        {}, prefix="invitations-",
    )  # fmt: skip
    for environment in Environment:
        yield Listing(
            f"Platform logins, {environment.label.lower()}", reverse("accounts:extensions"),
            Extension.objects.filter(
                account__organization=organization, account__environment=environment
            ),
            Order(("extension_number",)), {"environment": environment.value},
        )  # fmt: skip
    yield Listing(
        "Audit log",
        reverse("accounts:audit_log"),
        events_of(organization),
        AuditEvent.NEWEST_FIRST,
        {},
    )
    yield Listing(
        "Notices", reverse("accounts:notices"), people.administrator.user.notices.all(),
        Notice.NEWEST_FIRST, {},
    )  # fmt: skip


def filters(people: People) -> list[tuple[str, dict[str, str]]]:
    """Lists with filters that match many rows, few, or none."""
    organization, developer = people.administrator.organization, people.developer
    client = Client.objects.filter(application__organization=organization).order_by("pk")[0]
    app = client.application
    month_ago = timezone.now() - timedelta(days=30)
    people_, inventory = reverse("organization:developers"), reverse("organization:credentials")
    access, audit = reverse("accounts:access"), reverse("accounts:audit_log")
    credential = JwtCredential.objects.of(developer).order_by("issued_at")[0]
    return [
        (people_, {"q": "garcia"}),
        (people_, {"q": "zoe zimmer"}),
        (people_, {"q": "no such person"}),
        (people_, {"role": "auditor"}),
        (people_, {"environment": "sandbox", "mfa": "on", "status": "deactivated"}),
        (people_, {"mfa": "off", "sort": "-active"}),
        (inventory, {"owner": "garcia"}),
        (inventory, {"owner": "no such person"}),
        (inventory, {"app": client.client_id}),
        (inventory, {"app": app.name}),
        (inventory, {"app": "billing", "sort": "owner"}),
        (inventory, {"app": "no such app"}),
        (inventory, {"environment": "sandbox"}),
        (inventory, {"environment": "sandbox", "sort": "expires"}),
        (inventory, {"status": "active"}),
        (inventory, {"status": "expired", "sort": "owner"}),
        (inventory, {"status": "revoked", "sort": "-used"}),
        (inventory, {"app_access": "specific", "sort": "-owner"}),
        (inventory, {"never_expires": "on", "unused_days": "90"}),
        (inventory, {"expiring_days": "30", "sort": "expires"}),
        (inventory, {"expiring_days": "1", "environment": "production", "owner": "zoe"}),
        (inventory, {"unused_days": "700", "status": "active", "sort": "owner"}),
        (inventory, {"refused_often": "on"}),
        (inventory, {"refused_often": "on", "status": "active", "sort": "expires"}),
        (inventory, {"refused_often": "on", "owner": "garcia", "sort": "owner"}),
        (access, {"q": "garcia"}),
        (access, {"role": "developer_admin"}),
        (reverse("accounts:extensions"), {"environment": "production", "q": "zoe zimmer"}),
        (audit, {"person": developer.user.email}),
        (audit, {"person": "zoe zimmer"}),
        (audit, {"kind": "client.issued"}),
        (audit, {"kind": "jwt_credential.shown", "since": f"{month_ago:%Y-%m-%dT%H:%M}"}),
        (audit, {"target_type": "application", "target": app.name}),
        (audit, {"target": str(credential.pk)}),
        (audit, {"person": developer.user.email, "target_type": "user"}),
        (audit, {"until": f"{month_ago:%Y-%m-%dT%H:%M}", "kind": "user.updated"}),
    ]


@dataclass(frozen=True)
class Console:
    """Every page, for objects with a long history."""

    values: Mapping[str, object]
    of_page: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Other values for some pages, by the name of the URL."""
    queries: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    """Query strings to measure as well."""

    def pages(self) -> Iterator[tuple[str, str]]:
        """`(name, address)` of everything that could be a page for people who are signed in."""
        for url in every_url():
            path = url.path({**self.values, **self.of_page.get(url.name, {})})
            if not path.startswith(FOR_PEOPLE) or url.name in ENDS_THE_SESSION:
                continue
            yield f"`{url.name}`", path
            for query in self.queries.get(url.name, ()):
                yield f"`{url.name}`, {', '.join(query)}", f"{path}?{urlencode(query)}"


# The paths of pages. Other paths belong to the APIs and to machines.
FOR_PEOPLE = ("/console", "/account/", "/docs/", "/report-leaked")
ENDS_THE_SESSION = ("account_logout",)


def console_of(people: People) -> Console:
    """The organization's pages. Starts a rotation, and makes the administrator an operator."""
    administrator, developer = people.administrator, people.developer
    mark_operator(administrator.user, marked=True, origin=ORIGIN)
    if not has_second_factor(administrator.user):
        TOTP.activate(administrator.user, generate_totp_secret())
    refused = Refusal.objects.filter(credential__extension__user=developer.user).order_by("-id")
    request_id = refused.values_list("request_id", flat=True).first()
    rotated = {"credential_id": _rotated(developer).pk}
    busiest = (
        ExchangeUsage.objects.filter(client__application__organization=developer.organization)
        .values("client__application")
        .annotate(days=Count("pk"))
        .order_by("-days")
        .values_list("client__application", flat=True)
        .first()
    )
    environments = [{"environment": environment.value} for environment in Environment]
    return Console(
        values=arguments_of(developer),
        of_page={
            "credentials:application_usage": {"application_id": busiest},
            "my_credentials:rotation": rotated,
            "developer_credentials:rotation": rotated,
        },
        queries={
            "credentials:application_usage": environments,
            "refusals:why": [{"request_id": request_id}] if request_id else [],
        },
    )


def _rotated(developer: Membership) -> JwtCredential:
    """A credential of the developer that is being replaced."""
    credential = (
        JwtCredential.objects.of(developer)
        .active(timezone.now())
        .filter(superseded_at__isnull=True, extension__status=ExtensionStatus.ENABLED)
        .order_by("-last_used_on", "-pk")[0]
    )
    rotate_jwt_credential(
        credential, label=credential.label, expires_on=None, grace_period=GRACE_PERIODS[0],
        deadline=timedelta(days=30), actor=developer.user, origin=ORIGIN,
    )  # fmt: skip
    return credential


def arguments_of(developer: Membership) -> dict[str, object]:
    """Objects with a long history: the first app, the first credential and a busy person."""
    organization = developer.organization
    first = {
        "application_id": organization.applications.order_by("created_at"),
        "credential_id": JwtCredential.objects.of(developer)
        .filter(revoked_at__isnull=True)
        .order_by("-last_used_on", "pk"),
        "extension_id": developer.user.extensions.order_by("pk"),
        "request_id": organization.access_requests.pending().order_by("pk"),
        "invitation_id": organization.invitations.filter(withdrawn_at=None).order_by("pk"),
    }
    found = {name: rows.values_list("pk", flat=True).first() for name, rows in first.items()}
    return {**found, "environment": Environment.PRODUCTION, "user_id": developer.user_id}
