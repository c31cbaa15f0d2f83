"""Makes people, apps and credentials through the same actions as the console."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import AutoField, Model, QuerySet
from django.db.models.sql import InsertQuery
from django.test import Client as Browser
from django.urls import reverse

from accounts.actions.extensions import create_sandbox_account
from accounts.actions.memberships import join_organization
from accounts.actions.organizations import create_organization
from accounts.actions.users import mark_operator
from accounts.environments import Environment
from accounts.models import (
    AuditEvent,
    Extension,
    Membership,
    Organization,
    PlatformAccount,
    User,
)
from accounts.roles import ConsoleRole
from core.origin import Origin
from core.sessions import SessionStore
from credentials.actions.applications import register_application
from credentials.actions.clients import issue_client
from credentials.actions.jwt_credentials import create_jwt_credential
from credentials.models import AppAccess, Application, Client, JwtCredential

ORIGIN = Origin(ip="192.0.2.1", user_agent="tests", request_id="tests")
PASSWORD = "a long-enough Passw0rd"


def join(
    organization: Organization,
    email: str,
    role: ConsoleRole,
    *,
    is_account_admin: bool = False,
    user_role: str = "",
    sandbox: bool = True,
) -> Membership:
    first_name = email.partition("@")[0].capitalize()
    membership = join_organization(
        organization,
        email=email,
        first_name=first_name,
        last_name="Example",
        password=PASSWORD,
        role=role,
        is_account_admin=is_account_admin,
        user_role=user_role,
        actor=None,
        origin=ORIGIN,
    )
    if sandbox:
        create_sandbox_account(membership, actor=membership.user, origin=ORIGIN)
    return membership


Cast = dict[str, Any]
Statement = tuple[str, Any]
"""SQL and its parameters."""


@dataclass(frozen=True)
class Snapshot:
    """The statements that restore a cast in an empty database."""

    organization: Organization
    statements: list[Statement]


_snapshots: dict[str, Snapshot] = {}


def replayed(name: str, make: Callable[[], Cast]) -> Cast:
    """Return the cast that `make` makes. From the second test on, insert its rows again.

    Almost every test needs these people. Making them takes a hundred and fifty statements, and
    inserting their rows takes eight. All rows are there, audit events included.
    """
    if name not in _snapshots:
        organization = make()["organization"]
        _snapshots[name] = Snapshot(organization, _inserts(_rows_of(organization)))
    else:
        with connection.cursor() as cursor:
            for sql, parameters in _snapshots[name].statements:
                cursor.execute(sql, parameters)
    memberships = Membership.objects.select_related("user", "organization").filter(
        organization=_snapshots[name].organization.pk
    )
    people = {member.user.email.partition("@")[0]: member for member in memberships}
    return {"organization": next(iter(people.values())).organization, **people}


def _inserts(tables: list[list[Model]]) -> list[Statement]:
    """Compile, once, the statements that insert the rows of each table.

    The database assigns new automatic numbers each time.
    """
    statements = []
    for rows in tables:
        model = type(rows[0])
        fields = [
            field for field in model._meta.concrete_fields if not isinstance(field, AutoField)
        ]
        query = InsertQuery(model)
        query.insert_values(fields, rows)
        statements += query.get_compiler(connection=connection).as_sql()
    return statements


def _rows_of(organization: Organization) -> list[list[Model]]:
    users = User.objects.filter(membership__organization=organization)
    querysets: list[QuerySet[Any]] = [
        Organization.objects.filter(pk=organization.pk),
        PlatformAccount.objects.filter(organization=organization),
        users,
        EmailAddress.objects.filter(user__in=users),
        Membership.objects.filter(organization=organization),
        Extension.objects.filter(account__organization=organization),
        AuditEvent.objects.filter(organization=organization),
    ]
    return [list(queryset.order_by("pk")) for queryset in querysets]


def rebel_alliance() -> Cast:
    organization = create_organization("Rebel Alliance", actor=None, origin=ORIGIN)
    return {
        "organization": organization,
        "leia": join(
            organization,
            "leia@rebels.example",
            ConsoleRole.DEVELOPER_ADMIN,
            is_account_admin=True,
        ),
        "han": join(organization, "han@rebels.example", ConsoleRole.DEVELOPER_ADMIN),
        "luke": join(organization, "luke@rebels.example", ConsoleRole.DEVELOPER),
        "lando": join(organization, "lando@rebels.example", ConsoleRole.DEVELOPER, sandbox=False),
        "c3po": join(organization, "c3po@rebels.example", ConsoleRole.AUDITOR, sandbox=False),
        "wedge": join(organization, "wedge@rebels.example", ConsoleRole.NO_ACCESS, sandbox=False),
    }


def cloud_city() -> Cast:
    organization = create_organization("Cloud City Partners", actor=None, origin=ORIGIN)
    return {
        "organization": organization,
        "lobot": join(
            organization,
            "lobot@cloudcity.example",
            ConsoleRole.DEVELOPER_ADMIN,
            is_account_admin=True,
        ),
    }


def application(
    owner: Membership,
    name: str = "Falcon Dialer",
    *,
    is_public: bool = False,
    scopes: Sequence[str] = ("EditAccounts",),
    uses_jwt_flow: bool = True,
    issues_refresh_tokens: bool = False,
) -> Application:
    return register_application(
        owner,
        name=name,
        description="",
        is_public=is_public,
        scopes=scopes,
        uses_jwt_flow=uses_jwt_flow,
        issues_refresh_tokens=issues_refresh_tokens,
        origin=ORIGIN,
    )


def client(app: Application, environment: Environment = Environment.SANDBOX) -> tuple[Client, str]:
    """Issue a client for an app. Returns it with its raw secret."""
    return issue_client(app, environment, actor=app.owner, origin=ORIGIN)


def credential(
    owner: Membership,
    *,
    environment: Environment = Environment.SANDBOX,
    label: str = "Contractor Key",
    clients: Sequence[Client] = (),
    expires_on: date | None = None,
    ceiling: Sequence[str] | None = None,
    created_by: Membership | None = None,
    at: datetime | None = None,
) -> JwtCredential:
    """Create a credential for all apps in the organization, or for the given clients."""
    return create_jwt_credential(
        owner,
        environment=environment,
        label=label,
        app_access=AppAccess.SPECIFIC if clients else AppAccess.ORGANIZATION,
        client_ids=[client.client_id for client in clients],
        expires_on=expires_on,
        ceiling=ceiling,
        actor=(created_by or owner).user,
        origin=ORIGIN,
        at=at,
    )


def make_operator(person: Membership) -> Membership:
    """An operator, with the second factor that operators need."""
    mark_operator(person.user, marked=True, origin=ORIGIN)
    add_second_factor(person.user)
    person.user.refresh_from_db()
    return person


def add_second_factor(user: User) -> str:
    """Set up an authenticator app; return its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def sign_in(user: User) -> Browser:
    """A browser in which a person has just signed in, with every factor that they have."""
    browser = Browser()
    browser.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    session = browser.session
    session["account_authentication_methods_user"] = str(user.pk)
    _remember(session, _by_code())
    return browser


def as_later(browser: Browser) -> Browser:
    """The sign-in and every step-up are longer ago than they count."""
    _remember(browser.session, [])
    return browser


def as_later_for_everyone() -> None:
    for stored in Session.objects.all():
        _remember(SessionStore(stored.session_key), [])


def step_up_for_everyone() -> None:
    """For browsers that aren't Django's."""
    for stored in Session.objects.all():
        _remember(SessionStore(stored.session_key), _by_code())


def _by_code() -> list[Any]:
    return [{"method": "mfa", "type": "totp", "at": time.time()}]


def _remember(session: SessionBase, records: list[Any]) -> None:
    session["account_authentication_methods"] = records
    session.save()


def step_up(browser: Browser) -> Browser:
    """Confirm who you are, as the console asks before it shows a secret."""
    response = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert response.status_code == 302
    return browser
