"""The audit events of the large organization, in the order and words of the actions."""

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db.models import Model

from accounts.models import AuditEvent, AuditKind, Extension, User
from accounts.models.extensions import ExtensionStatus
from console.load import bulk
from console.load.apps import Apps
from console.load.credentials import FIRST_ISSUED, Credentials
from console.load.dice import Dice
from console.load.people import People
from credentials.models import JwtCredential

BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
)
# The share of events about the first app or credential, which get a long history.
FAVORITES_SHARE = 0.02


class Happened:
    def __init__(
        self, at: datetime, kind: AuditKind, actor: User, target: Model, **details: Any
    ) -> None:
        self.at, self.kind, self.actor, self.target = at, kind, actor, target
        self.details = details


def history(
    people: People, apps: Apps, made: Credentials, count: int, *, dice: Dice, now: datetime
) -> int:
    # The objects that actions created have their events already.
    facts = sorted(_facts(people, apps, made), key=attrgetter("at"))
    known = AuditEvent.objects.filter(organization=people.organization).count()
    business = _business(people, apps, made, count - known - len(facts), dice, now)
    happened = heapq.merge(facts, business, key=attrgetter("at"))
    written = bulk.stream(AuditEvent, (_event(people, each, dice) for each in happened))
    return known + written


def _event(people: People, happened: Happened, dice: Dice) -> AuditEvent:
    return AuditEvent(
        at=happened.at,
        kind=happened.kind,
        organization=people.organization,
        actor=happened.actor,
        actor_label=happened.actor.email,
        target_type=happened.target._meta.model_name or "",
        target_id=str(happened.target.pk),
        target_label=str(happened.target)[:254],
        details=happened.details,
        ip=f"203.0.113.{dice.randrange(1, 255)}",
        user_agent=dice.choice(BROWSERS),
        request_id=dice.uuid().hex,
    )


def _facts(people: People, apps: Apps, made: Credentials) -> Iterator[Happened]:
    yield from _joined(people)
    yield from _asked(people)
    yield from _built(apps)
    for credential in made.credentials:
        yield from _of_credential(credential, made)


def _joined(people: People) -> Iterator[Happened]:
    founders = {people.administrator.user_id, people.developer.user_id}
    for membership in people.memberships:
        if membership.user_id not in founders:
            user, kind = membership.user, AuditKind.MEMBERSHIP_CREATED
            facts: dict[str, Any] = {"role": membership.role, "is_account_admin": False}
            yield Happened(user.date_joined, kind, user, user, **facts)
    for extension in people.extensions:
        if extension.user_id not in founders:
            facts = {"environment": extension.environment, "user_role": extension.user_role}
            kind = AuditKind.EXTENSION_CREATED
            yield Happened(extension.created_at, kind, extension.user, extension, **facts)


def _asked(people: People) -> Iterator[Happened]:
    administrator = people.administrator.user
    for asked in people.requests:
        user, kind = asked.user, AuditKind.ACCESS_REQUESTED
        yield Happened(asked.created_at, kind, user, asked, reason=asked.reason)
        if asked.decided_at is not None:
            kind, role = AuditKind.ACCESS_GRANTED, user.membership.role
            yield Happened(asked.decided_at, kind, administrator, user, role=role)
    for invitation in people.invitations:
        facts: dict[str, Any] = {"role": invitation.role, "is_account_admin": False}
        kind = AuditKind.INVITATION_CREATED
        yield Happened(invitation.created_at, kind, administrator, invitation, **facts)
        if invitation.withdrawn_at is not None:
            kind = AuditKind.INVITATION_WITHDRAWN
            yield Happened(invitation.withdrawn_at, kind, administrator, invitation)


def _built(apps: Apps) -> Iterator[Happened]:
    for app in apps.applications[1:]:
        facts: dict[str, Any] = {"is_public": app.is_public, "scopes": app.scopes}
        kind = AuditKind.APPLICATION_REGISTERED
        yield Happened(app.created_at, kind, app.owner, app, **facts)
        if app.retired_at is not None:
            yield Happened(app.retired_at, AuditKind.APPLICATION_RETIRED, app.owner, app)
    for environment, clients in apps.clients.items():
        for client in clients[1:]:
            app, kind = client.application, AuditKind.CLIENT_ISSUED
            facts = {"application": app.name, "environment": environment}
            yield Happened(client.issued_at, kind, app.owner, client, **facts)


def _of_credential(credential: JwtCredential, made: Credentials) -> Iterator[Happened]:
    listed = made.clients.get(credential.pk, ())
    yield Happened(
        credential.issued_at,
        AuditKind.JWT_CREDENTIAL_CREATED,
        credential.created_by,
        credential,
        owner=credential.extension.user.email,
        environment=credential.environment,
        app_access=credential.app_access,
        client_ids=[client.client_id for client in listed],
        expires_at=None if credential.never_expires else credential.expires_at,
        allowed_networks=[],
        ceiling=None,
    )
    if credential.revoked_at is not None and credential.revoked_by is not None:
        kind, reason = AuditKind.JWT_CREDENTIAL_REVOKED, credential.revoked_reason
        yield Happened(
            credential.revoked_at, kind, credential.revoked_by, credential, reason=reason
        )


def _business(
    people: People, apps: Apps, made: Credentials, count: int, dice: Dice, now: datetime
) -> Iterator[Happened]:
    # Events at even intervals, each about an object that existed at the time.
    issued = [credential.issued_at for credential in made.credentials]
    start = now - FIRST_ISSUED
    logins = list(people.extensions)
    for number in range(count):
        at = start + (now - start) * (number + 1) / (count + 1)
        there = bisect_right(issued, at)
        if dice.chance(0.15) or not there:
            yield _of_login(people, dice.favorite(logins), dice, at)
        elif dice.chance(0.15):
            yield _of_app(apps, dice, at)
        else:
            yield _about(made.credentials[_which(there, dice)], dice, at)


def _which(there: int, dice: Dice) -> int:
    return 0 if dice.chance(FAVORITES_SHARE) else dice.randrange(there)


def _of_login(people: People, extension: Extension, dice: Dice, at: datetime) -> Happened:
    # The administrator changes a platform login, or people change their names.
    user = extension.user
    if dice.chance(0.5):
        changes = {"first_name": [user.first_name.lower(), user.first_name]}
        return Happened(at, AuditKind.USER_UPDATED, user, user, changes=changes)
    changes = (
        {"user_role": [list(settings.PLATFORM.roles)[-1], settings.PLATFORM.default_role.id]}
        if dice.chance(0.5)
        else {"status": [ExtensionStatus.DISABLED.value, ExtensionStatus.ENABLED.value]}
    )
    facts: dict[str, Any] = {"environment": extension.environment, "changes": changes}
    administrator = people.administrator.user
    return Happened(at, AuditKind.EXTENSION_UPDATED, administrator, extension, **facts)


def _of_app(apps: Apps, dice: Dice, at: datetime) -> Happened:
    environment, clients = dice.choice(list(apps.clients.items()))
    client = clients[_which(len(clients), dice)]
    app = client.application
    if dice.chance(0.5):
        kind = AuditKind.CLIENT_SECRET_REPLACED
        return Happened(at, kind, app.owner, client, environment=environment)
    changes = {"name": [app.name.lower(), app.name]}
    return Happened(at, AuditKind.APPLICATION_UPDATED, app.owner, app, changes=changes)


def _about(credential: JwtCredential, dice: Dice, at: datetime) -> Happened:
    # The owner views a JWT, tests it, or changes its label.
    owner = credential.extension.user
    if dice.chance(0.4):
        return Happened(at, AuditKind.JWT_CREDENTIAL_SHOWN, owner, credential)
    if dice.chance(0.5):
        changes = {"label": [credential.label.lower(), credential.label]}
        return Happened(at, AuditKind.JWT_CREDENTIAL_UPDATED, owner, credential, changes=changes)
    return Happened(at, AuditKind.JWT_CREDENTIAL_TESTED, owner, credential, outcome="granted")
