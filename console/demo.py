"""The demo organizations, made by the same actions as everything else, with thirty days of history.

Times are counted back from the moment of loading, so that the pages look lived in.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import emails
from accounts.actions.access_requests import request_access
from accounts.actions.extensions import create_sandbox_account
from accounts.actions.memberships import join_organization
from accounts.actions.notices import mark_all_notices_read
from accounts.actions.organizations import create_organization
from accounts.actions.platform_accounts import update_business_address
from accounts.environments import Environment
from accounts.models import Membership, Organization
from accounts.permissions import AppScope, UserPermission, UserRole
from accounts.roles import ConsoleRole
from console.demo_usage import add_usage
from core import raw_secrets
from core.origin import Origin
from credentials.actions.applications import register_application
from credentials.actions.clients import SECRET_PREFIX, issue_client
from credentials.actions.jwt_credentials import create_jwt_credential
from credentials.actions.refusals import record_refusals
from credentials.actions.reminders import remind_owners
from credentials.actions.revocations import revoke_jwt_credential
from credentials.error_codes import entry_of
from credentials.models import (
    AppAccess,
    Application,
    Client,
    JwtCredential,
)
from credentials.models.refusals import Refused, RefusedWhat
from credentials.oauth.bearer import (
    BearerError,
    InvalidAccessToken,
    PermissionMissing,
    ScopeMissing,
)
from credentials.oauth.errors import InvalidClient, InvalidGrant, OAuthError
from credentials.refused import Reason, RefusedRequest

REBELS = "Rebel Alliance"
PARTNERS = "Cloud City Partners"
ORIGIN = Origin(ip="127.0.0.1", user_agent="manage.py seed_demo")


@dataclass(frozen=True)
class Person:
    email: str
    first_name: str
    last_name: str
    organization: str
    role: ConsoleRole
    user_role: UserRole
    is_account_admin: bool = False
    sandbox_account: bool = True


PEOPLE = (
    Person(
        "leia@rebels.example",
        "Leia",
        "Organa",
        REBELS,
        ConsoleRole.DEVELOPER_ADMIN,
        UserRole.SUPER_ADMIN,
        is_account_admin=True,
    ),
    Person(
        "han@rebels.example",
        "Han",
        "Solo",
        REBELS,
        ConsoleRole.DEVELOPER_ADMIN,
        UserRole.STANDARD_USER,
    ),
    Person(
        "luke@rebels.example",
        "Luke",
        "Skywalker",
        REBELS,
        ConsoleRole.DEVELOPER,
        UserRole.STANDARD_USER,
    ),
    Person(
        "lando@rebels.example",
        "Lando",
        "Calrissian",
        REBELS,
        ConsoleRole.DEVELOPER,
        UserRole.STANDARD_USER,
        sandbox_account=False,
    ),
    Person(
        "c3po@rebels.example",
        "C-3PO",
        "",
        REBELS,
        ConsoleRole.AUDITOR,
        UserRole.READ_ONLY,
        sandbox_account=False,
    ),
    Person(
        "wedge@rebels.example",
        "Wedge",
        "Antilles",
        REBELS,
        ConsoleRole.NO_ACCESS,
        UserRole.STANDARD_USER,
        sandbox_account=False,
    ),
    Person(
        "lobot@cloudcity.example",
        "Lobot",
        "",
        PARTNERS,
        ConsoleRole.DEVELOPER_ADMIN,
        UserRole.SUPER_ADMIN,
        is_account_admin=True,
    ),
)


@dataclass(frozen=True)
class App:
    name: str
    owner: str
    description: str
    is_public: bool
    issues_refresh_tokens: bool
    scopes: tuple[str, ...]


APPS = (
    App(
        "Fleet Directory",
        "luke@rebels.example",
        "Keeps the address book of the fleet in step with the platform.",
        is_public=False,
        issues_refresh_tokens=True,
        scopes=("EditAccounts",),
    ),
    App(
        "Base Reporting",
        "luke@rebels.example",
        "Nightly report on accounts and extensions.",
        is_public=False,
        issues_refresh_tokens=False,
        scopes=("ReadAccounts",),
    ),
    App(
        "Hangar Console",
        "leia@rebels.example",
        "Administers the company account from the command line.",
        is_public=False,
        issues_refresh_tokens=True,
        scopes=("Accounts",),
    ),
    App(
        "Cloud City Connect",
        "lobot@cloudcity.example",
        "Connects any company's phone system to the Cloud City exchange.",
        is_public=True,
        issues_refresh_tokens=True,
        scopes=("ReadAccounts", "EditExtensions"),
    ),
    App(
        "Tibanna Ledger",
        "lobot@cloudcity.example",
        "Billing of Cloud City's own gas mine.",
        is_public=False,
        issues_refresh_tokens=False,
        scopes=("ReadAccounts",),
    ),
)


def client_secret(app_name: str, environment: Environment) -> str:
    """A demo secret that `seed_demo --json` can print again: derived from `SECRET_KEY`."""
    message = f"demo client secret: {app_name}, {environment}".encode()
    mac = hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256)
    encoded = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    return raw_secrets.with_checksum(SECRET_PREFIX + encoded)


def is_loaded() -> bool:
    return Organization.objects.filter(name=REBELS).exists()


@transaction.atomic
def load(*, at: datetime | None = None) -> None:
    """Make the demo organizations; the caller has looked whether they are there."""
    now = at or timezone.now()
    with emails.withheld():
        people = _people(now - timedelta(days=90))
        apps = _apps(people, now - timedelta(days=80))
        _addresses(people, now - timedelta(days=79))
        refused: list[Refused] = []
        for environment in Environment:
            used = _credentials(people, apps, environment, now)
            add_usage(used, environment, now)
            refused += _refusals({each.label: each for each, _ in used}, apps, environment, now)
        record_refusals(sorted(refused, key=lambda each: each.at))
        _reminders(people["luke@rebels.example"], now)
        request_access(
            people["wedge@rebels.example"],
            reason="I want to build a dashboard of our extension numbers.",
            origin=ORIGIN,
            at=now - timedelta(days=2),
        )


def _people(at: datetime) -> dict[str, Membership]:
    organizations = {
        REBELS: create_organization(
            REBELS,
            actor=None,
            origin=ORIGIN,
            admin_email="leia@rebels.example",
            main_number="+15550100",
            at=at,
        ),
        PARTNERS: create_organization(
            PARTNERS,
            actor=None,
            origin=ORIGIN,
            admin_email="lobot@cloudcity.example",
            main_number="+15550170",
            at=at,
        ),
    }
    return {
        person.email: _join(person, organizations[person.organization], at) for person in PEOPLE
    }


def _join(person: Person, organization: Organization, at: datetime) -> Membership:
    membership = join_organization(
        organization,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        password=settings.DEMO_PASSWORD,
        role=person.role,
        is_account_admin=person.is_account_admin,
        user_role=person.user_role,
        actor=None,
        origin=ORIGIN,
        at=at,
    )
    if person.sandbox_account:
        create_sandbox_account(membership, actor=membership.user, origin=ORIGIN, at=at)
    return membership


Clients = dict[tuple[str, Environment], Client]


def _apps(people: dict[str, Membership], at: datetime) -> Clients:
    clients: Clients = {}
    for app in APPS:
        owner = people[app.owner]
        application = register_application(
            owner,
            name=app.name,
            description=app.description,
            is_public=app.is_public,
            scopes=app.scopes,
            uses_jwt_flow=True,
            issues_refresh_tokens=app.issues_refresh_tokens,
            origin=ORIGIN,
            at=at,
        )
        for environment in Environment:
            clients[app.name, environment], _ = issue_client(
                application,
                environment,
                actor=owner.user,
                origin=ORIGIN,
                raw_secret=client_secret(app.name, environment),
                at=at,
            )
    return clients


def _addresses(people: dict[str, Membership], at: datetime) -> None:
    addresses = {
        "leia@rebels.example": {
            "street": "1 Massassi Temple",
            "city": "Great Temple",
            "state": "Yavin",
            "zip": "94002",
            "country": "United States",
        },
        "lobot@cloudcity.example": {
            "street": "12 Tibanna Plaza",
            "city": "Cloud City",
            "state": "Bespin",
            "zip": "94070",
            "country": "United States",
        },
    }
    for email, address in addresses.items():
        for extension in people[email].user.extensions.select_related("account", "user"):
            update_business_address(extension, address, origin=ORIGIN, via="", at=at)


def _credentials(
    people: dict[str, Membership], apps: Clients, environment: Environment, now: datetime
) -> list[tuple[JwtCredential, list[Client]]]:
    """The credentials of one environment, each with the clients that use it."""
    luke, leia, han = (people[f"{name}@rebels.example"] for name in ("luke", "leia", "han"))
    lobot = people["lobot@cloudcity.example"]
    directory, reporting, hangar, connect, ledger = (apps[app.name, environment] for app in APPS)
    soon = 21 if environment is Environment.SANDBOX else None

    def make(
        owner: Membership,
        label: str,
        *,
        days_ago: int,
        lasts: int | None = None,
        clients: tuple[Client, ...] = (),
        created_by: Membership | None = None,
    ) -> JwtCredential:
        at = now - timedelta(days=days_ago)
        return create_jwt_credential(
            owner,
            environment=environment,
            label=label,
            app_access=AppAccess.SPECIFIC if clients else AppAccess.ORGANIZATION,
            client_ids=[client.client_id for client in clients],
            expires_on=(at + timedelta(days=lasts)).date() if lasts is not None else None,
            actor=(created_by or owner).user,
            origin=ORIGIN,
            at=at,
        )

    nightly = make(luke, "Nightly jobs", days_ago=60)
    shared = make(
        luke,
        "Shared with Cloud City",
        days_ago=40,
        lasts=40 + soon if soon else None,
        clients=(directory, connect),
    )
    expired = make(luke, "Trial of the reporting app", days_ago=75, lasts=45)
    lost = make(luke, "Old laptop", days_ago=70)
    lost = revoke_jwt_credential(
        lost,
        reason="The laptop was lost on Hoth",
        actor=leia.user,
        origin=ORIGIN,
        at=now - timedelta(days=12),
    )
    operations = make(leia, "Operations", days_ago=65)
    falcon = make(han, "Falcon", days_ago=45, lasts=110, clients=(directory,), created_by=leia)
    exchange = make(lobot, "Exchange", days_ago=50, clients=(connect, ledger))
    return [
        (nightly, [directory, reporting]),
        (shared, [directory, connect]),
        (expired, [reporting]),
        (lost, [directory]),
        (operations, [hangar, directory]),
        (falcon, []),
        (exchange, [connect, ledger]),
    ]


def _reminders(luke: Membership, now: datetime) -> None:
    """What `tick` would have told of what expires; Luke has read what is older than a month."""
    for days_ago in (59, 36, 30, 8):
        remind_owners(at=now - timedelta(days=days_ago))
    month_ago = now - timedelta(days=30)
    mark_all_notices_read(luke.user, until=month_ago, at=month_ago)


@dataclass(frozen=True)
class DemoRefusal:
    """A request that was refused lately; its words are those of the APIs."""

    hours_ago: float
    label: str
    app: str
    error: RefusedRequest
    call: str = ""
    """Method and path of a call of the REST API; empty for an exchange."""


_REPORT = "GET /restapi/v1.0/account/{accountId}"
_ADDRESS = "PUT /restapi/v1.0/account/{accountId}/business-address"
_SECRET_WRONG = "Client authentication failed: check client ID, secret and environment."
REFUSALS = (
    DemoRefusal(286, "Old laptop", "Fleet Directory",
                InvalidGrant("JWT-102", "This credential has been revoked.")),
    DemoRefusal(214, "Trial of the reporting app", "Base Reporting",
                InvalidGrant("JWT-103", "This credential has expired.")),
    DemoRefusal(190, "Trial of the reporting app", "Base Reporting",
                InvalidGrant("JWT-103", "This credential has expired.")),
    DemoRefusal(120, "Nightly jobs", "Fleet Directory",
                PermissionMissing(UserPermission.EDIT_COMPANY_INFO), _ADDRESS),
    DemoRefusal(74, "", "Fleet Directory",
                InvalidClient("OAU-146", _SECRET_WRONG).about(reason=Reason.WRONG_SECRET)),
    DemoRefusal(51, "Nightly jobs", "Base Reporting",
                InvalidAccessToken("OAU-210", "The access token has expired."), _REPORT),
    DemoRefusal(26.5, "Nightly jobs", "Tibanna Ledger",
                InvalidGrant("JWT-105", "This app is not permitted to use this credential.")),
    DemoRefusal(9, "Shared with Cloud City", "Base Reporting",
                InvalidGrant("JWT-105", "This app is not permitted to use this credential.")),
    DemoRefusal(3.2, "Nightly jobs", "Base Reporting",
                ScopeMissing(AppScope.EDIT_ACCOUNTS), _ADDRESS),
    DemoRefusal(1.4, "Nightly jobs", "Fleet Directory",
                PermissionMissing(UserPermission.EDIT_COMPANY_INFO), _ADDRESS),
    *(
        # A job that was not told that its credential has ended.
        DemoRefusal(hour, "Trial of the reporting app", "Base Reporting",
                    InvalidGrant("JWT-103", "This credential has expired."))
        for hour in range(10, 154, 12)
    ),
)  # fmt: skip


def _refusals(
    credentials: dict[str, JwtCredential], apps: Clients, environment: Environment, now: datetime
) -> list[Refused]:
    """Two weeks of refusals; in production half of them, as it should be."""
    chosen = REFUSALS if environment is Environment.SANDBOX else REFUSALS[::2]
    return [
        _refused(number, refusal, credentials, apps, environment, now)
        for number, refusal in enumerate(chosen)
    ]


def _refused(
    number: int,
    refusal: DemoRefusal,
    credentials: dict[str, JwtCredential],
    apps: Clients,
    environment: Environment,
    now: datetime,
) -> Refused:
    error, is_call = refusal.error, bool(refusal.call)
    method, _, path = (refusal.call or "POST /restapi/oauth/token").partition(" ")
    assert isinstance(error, (OAuthError, BearerError))  # noqa: S101 - declared above
    rfc_error = error.rfc_error if isinstance(error, BearerError) else error.error
    entry = entry_of(error.code, rfc_error, rest=is_call)
    known = error.known
    return Refused(
        request_id=str(uuid5(NAMESPACE_URL, f"demo refusal {number} in {environment}")),
        at=now - timedelta(hours=refusal.hours_ago),
        environment=environment.value,
        what=RefusedWhat.CALL if is_call else RefusedWhat.EXCHANGE,
        method=method,
        path=path,
        status=error.status,
        error=rfc_error,
        code=error.code,
        message=error.message,
        check=str(entry.check) if entry and entry.check else "",
        reason=known.reason,
        presented_client_id=apps[refusal.app, environment].client_id,
        is_authentic=known.reason != Reason.WRONG_SECRET,
        credential_id=str(credentials[refusal.label].pk) if refusal.label else "",
        missing=known.missing,
        address=f"203.0.113.{20 + number % 3}",
    )


def document() -> dict[str, Any]:
    """What `seed_demo --json` prints: everything that a client of the demo needs."""
    memberships = {
        membership.user.email: membership
        for membership in Membership.objects.select_related("user", "organization").filter(
            user__email__in=[person.email for person in PEOPLE]
        )
    }
    return {
        "base_url": settings.ORIGIN,
        "environments": {
            environment.value: environment.urls.base_url for environment in Environment
        },
        "users": [_user(memberships[person.email]) for person in PEOPLE],
        "apps": [
            _app(app, client)
            for app in APPS
            for client in Client.objects.select_related("application__organization")
            .filter(application__name=app.name, application__owner__email=app.owner)
            .order_by("-environment")
        ],
        "credentials": [
            _credential(credential)
            for credential in JwtCredential.objects.select_related(
                "extension__account", "extension__user", "signing_key"
            )
            .filter(extension__user__email__in=memberships)
            .order_by("-extension__account__environment", "issued_at", "id")
        ],
    }


def _user(membership: Membership) -> dict[str, Any]:
    environments = {
        extension.environment for extension in membership.user.extensions.select_related("account")
    }
    return {
        "email": membership.user.email,
        "password": settings.DEMO_PASSWORD,
        "name": membership.user.name,
        "organization": membership.organization.name,
        "role": membership.role,
        "is_account_admin": membership.is_account_admin,
        "sandbox_account": Environment.SANDBOX in environments,
        "production_account": Environment.PRODUCTION in environments,
    }


def _app(app: App, client: Client) -> dict[str, Any]:
    application: Application = client.application
    return {
        "name": application.name,
        "organization": application.organization.name,
        "environment": client.environment,
        "client_id": client.client_id,
        "client_secret": client_secret(app.name, Environment(client.environment)),
        "public": application.is_public,
        "issue_refresh_tokens": application.issues_refresh_tokens,
        "scopes": application.scopes,
    }


def _credential(credential: JwtCredential) -> dict[str, Any]:
    return {
        "id": str(credential.pk),
        "label": credential.label,
        "owner": credential.extension.user.email,
        "environment": credential.environment.value,
        "app_access": credential.app_access,
        "client_ids": list(
            credential.permitted_clients.order_by("pk").values_list("client_id", flat=True)
        ),
        "status": credential.status,
        "jwt": credential.encode(),
    }
