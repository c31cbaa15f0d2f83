"""The people of the large organization, their platform logins, requests and invitations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts.actions.extensions import FIRST_EXTENSION_NUMBER, create_sandbox_account
from accounts.actions.invitations import INVITATION_LIFETIME, INVITATION_TOKEN_PREFIX
from accounts.actions.memberships import join_organization
from accounts.actions.organizations import create_organization
from accounts.environments import Environment
from accounts.models import (
    AccessRequest,
    Extension,
    Invitation,
    Membership,
    Organization,
    PlatformAccount,
    User,
)
from accounts.models.access_requests import Decision
from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from console.load import bulk
from console.load.dice import Dice
from console.load.words import FIRST_NAMES, LAST_NAMES
from core import raw_secrets
from core.origin import Origin

LOAD_ORIGIN = Origin(ip="127.0.0.1", user_agent="manage.py seed_load")
FOUNDED = timedelta(days=1000)
JOINED_WITHIN = timedelta(days=100)

REASONS = (
    "I want to connect our ticket system.",
    "The nightly export moves to my team.",
    "I take over the integration from a colleague.",
    "To build a report on our costs.",
)
ROLES = (ConsoleRole.NO_ACCESS, ConsoleRole.AUDITOR, ConsoleRole.DEVELOPER)
ROLE_WEIGHTS = (35, 3, 62)
# The share of the platform's first user role. The others share the rest.
DEFAULT_ROLE_SHARE = 0.85


@dataclass
class People:
    """Everyone, with their logins. The two people that you can sign in as come first."""

    organization: Organization
    administrator: Membership
    developer: Membership
    accounts: dict[Environment, PlatformAccount]
    memberships: list[Membership] = field(default_factory=list)
    logins: dict[Environment, dict[object, Extension]] = field(default_factory=dict)
    """The extension of each person, by `user_id`."""
    requests: list[AccessRequest] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)

    @property
    def developers(self) -> list[Membership]:
        return [
            membership
            for membership in self.memberships
            if membership.is_developer and membership.user.is_active
        ]

    @property
    def extensions(self) -> Iterator[Extension]:
        for logins in self.logins.values():
            yield from logins.values()


def domain_of(name: str) -> str:
    """The email domain of an organization. No email reaches `.example` domains (RFC 2606)."""
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'load'}.example"


def people(name: str, count: int, *, dice: Dice, now: datetime) -> People:
    """The organization with `count` people, who all joined before its first app."""
    founded = now - FOUNDED
    made = _founders(name, founded)
    users = [_user(number, domain_of(name), dice, founded, now) for number in range(count - 2)]
    bulk.insert(users)
    bulk.insert(
        EmailAddress(user=user, email=user.email, primary=True, verified=True) for user in users
    )
    made.memberships += bulk.insert(
        Membership(
            organization=made.organization,
            user=user,
            role=dice.choices(ROLES, ROLE_WEIGHTS)[0],
            created_at=user.date_joined,
        )
        for user in users
    )
    bulk.insert(
        Authenticator(
            user=user,
            type=Authenticator.Type.TOTP,
            data={"secret": get_adapter().encrypt(generate_totp_secret())},
        )
        for user in users
        if dice.chance(0.4)
    )
    for environment, share in ((Environment.PRODUCTION, 1.0), (Environment.SANDBOX, 0.7)):
        _add_logins(made, environment, [user for user in users if dice.chance(share)], dice)
    return made


def _founders(name: str, at: datetime) -> People:
    # Actions create these two. You can sign in as them with the password of the demo.
    domain = domain_of(name)
    organization = create_organization(
        name, actor=None, origin=LOAD_ORIGIN, admin_email=f"admin@{domain}", at=at
    )
    administrator, developer = (
        join_organization(
            organization,
            email=f"{local_part}@{domain}",
            first_name=local_part.capitalize(),
            last_name="Load",
            password=settings.DEMO_PASSWORD,
            role=role,
            is_account_admin=is_account_admin,
            actor=None,
            origin=LOAD_ORIGIN,
            at=at,
        )
        for local_part, role, is_account_admin in (
            ("admin", ConsoleRole.DEVELOPER_ADMIN, True),
            ("developer", ConsoleRole.DEVELOPER, False),
        )
    )
    for founder in (administrator, developer):
        create_sandbox_account(founder, actor=founder.user, origin=LOAD_ORIGIN, at=at)
    accounts = {
        Environment(account.environment): account
        for account in organization.platform_accounts.all()
    }
    logins: dict[Environment, dict[object, Extension]] = {
        environment: {
            extension.user_id: extension
            for extension in account.extensions.select_related("account", "user")
        }
        for environment, account in accounts.items()
    }
    return People(
        organization,
        administrator,
        developer,
        accounts,
        memberships=[administrator, developer],
        logins=logins,
    )


def _user(number: int, domain: str, dice: Dice, founded: datetime, now: datetime) -> User:
    first_name, last_name = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
    joined = dice.moment(founded, founded + JOINED_WITHIN)
    return User(
        id=dice.uuid(),
        email=f"{first_name}.{last_name}.{number}@{domain}".lower(),
        first_name=first_name,
        last_name=last_name,
        password=make_password(None),
        is_active=dice.chance(0.96),
        date_joined=joined,
        last_active_at=dice.moment(now - timedelta(days=120), now) if dice.chance(0.8) else None,
    )


def _add_logins(made: People, environment: Environment, users: list[User], dice: Dice) -> None:
    account = made.accounts[environment]
    first = FIRST_EXTENSION_NUMBER + len(made.logins[environment])
    extensions = bulk.insert(
        Extension(
            id=dice.platform_id(),
            account=account,
            account_environment=environment,
            user=user,
            extension_number=number,
            user_role=_user_role(dice),
            status=ExtensionStatus.ENABLED if dice.chance(0.98) else ExtensionStatus.DISABLED,
            created_at=user.date_joined,
        )
        for number, user in enumerate(users, first)
    )
    made.logins[environment] |= {extension.user_id: extension for extension in extensions}


def _user_role(dice: Dice) -> str:
    first, *others = settings.PLATFORM.roles
    return first if not others or dice.chance(DEFAULT_ROLE_SHARE) else dice.choice(others)


def add_requests(made: People, count: int, *, dice: Dice, now: datetime) -> None:
    # A third of the requests are pending. They are from people without access.
    waiting = [m for m in made.memberships if m.role == ConsoleRole.NO_ACCESS and m.user.is_active]
    waiting = waiting[: count // 3]
    decided = [m for m in made.memberships if m.is_developer][: count - len(waiting)]
    recent, old = now - timedelta(days=20), now - timedelta(days=800)
    requests = [_request(made, member, recent, now, dice) for member in waiting]
    for member in decided:
        request = _request(made, member, old, now - timedelta(days=30), dice)
        request.decided_at = request.created_at + timedelta(hours=dice.randrange(1, 72))
        request.decided_by, request.decision = made.administrator.user, Decision.APPROVED
        requests.append(request)
    made.requests += bulk.insert(requests)


def _request(
    made: People, member: Membership, first: datetime, last: datetime, dice: Dice
) -> AccessRequest:
    return AccessRequest(
        id=dice.uuid(),
        organization=made.organization,
        user=member.user,
        reason=dice.choice(REASONS),
        created_at=dice.moment(first, last),
    )


def add_invitations(made: People, count: int, *, dice: Dice, now: datetime) -> None:
    # Some are open, expired or withdrawn. Their links aren't known to anyone.
    domain = domain_of(made.organization.name)
    for number in range(count):
        created = dice.moment(now - 4 * INVITATION_LIFETIME, now)
        withdrawn = created + timedelta(minutes=30) if dice.chance(0.2) else None
        made.invitations.append(
            Invitation(
                id=dice.uuid(),
                organization=made.organization,
                email=f"invited.{number}@{domain}",
                role=ConsoleRole.DEVELOPER,
                token_digest=raw_secrets.digest(raw_secrets.generate(INVITATION_TOKEN_PREFIX)),
                created_at=created,
                expires_at=created + INVITATION_LIFETIME,
                withdrawn_at=withdrawn,
                invited_by=made.administrator.user,
            )
        )
    bulk.insert(made.invitations)
