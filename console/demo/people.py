"""The demo's people, their organizations and their addresses."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from accounts.actions.extensions import create_sandbox_account
from accounts.actions.memberships import join_organization
from accounts.actions.organizations import create_organization
from accounts.actions.platform_accounts import update_business_address
from accounts.models import Membership, Organization
from accounts.platform import built_in
from accounts.roles import ConsoleRole
from core.origin import Origin

REBELS = "Rebel Alliance"
PARTNERS = "Cloud City Partners"
DEMO_ORIGIN = Origin(ip="127.0.0.1", user_agent="manage.py seed_demo")


@dataclass(frozen=True)
class DemoPerson:
    email: str
    first_name: str
    last_name: str
    role: ConsoleRole
    organization: str = REBELS
    is_account_admin: bool = False
    sandbox_account: bool = False


PEOPLE = (
    DemoPerson(
        "leia@rebels.example",
        "Leia",
        "Organa",
        ConsoleRole.DEVELOPER_ADMIN,
        is_account_admin=True,
        sandbox_account=True,
    ),
    DemoPerson(
        "han@rebels.example", "Han", "Solo", ConsoleRole.DEVELOPER_ADMIN, sandbox_account=True
    ),
    DemoPerson(
        "luke@rebels.example", "Luke", "Skywalker", ConsoleRole.DEVELOPER, sandbox_account=True
    ),
    DemoPerson("lando@rebels.example", "Lando", "Calrissian", ConsoleRole.DEVELOPER),
    DemoPerson("c3po@rebels.example", "C-3PO", "", ConsoleRole.AUDITOR),
    DemoPerson("wedge@rebels.example", "Wedge", "Antilles", ConsoleRole.NO_ACCESS),
    DemoPerson(
        "lobot@cloudcity.example",
        "Lobot",
        "",
        ConsoleRole.DEVELOPER_ADMIN,
        organization=PARTNERS,
        is_account_admin=True,
        sandbox_account=True,
    ),
)


def create_people(at: datetime) -> dict[str, Membership]:
    organizations = {
        name: create_organization(
            name, actor=None, origin=DEMO_ORIGIN, admin_email=email, main_number=number, at=at
        )
        for name, email, number in (
            (REBELS, "leia@rebels.example", "+15550100"),
            (PARTNERS, "lobot@cloudcity.example", "+15550170"),
        )
    }
    return {
        person.email: _join(person, organizations[person.organization], at) for person in PEOPLE
    }


def _join(person: DemoPerson, organization: Organization, at: datetime) -> Membership:
    membership = join_organization(
        organization,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        password=settings.DEMO_PASSWORD,
        role=person.role,
        is_account_admin=person.is_account_admin,
        user_role=_user_role(person),
        actor=None,
        origin=DEMO_ORIGIN,
        at=at,
    )
    if person.sandbox_account:
        create_sandbox_account(membership, actor=membership.user, origin=DEMO_ORIGIN, at=at)
    return membership


def _user_role(person: DemoPerson) -> str:
    # Luke has the platform's first role, and account administrators the last. Auditors only read.
    first, *others = settings.PLATFORM.roles.values()
    if person.is_account_admin:
        return [first, *others][-1].id
    if person.role is ConsoleRole.AUDITOR:
        return min([first, *others], key=lambda role: len(role.permissions)).id
    return first.id


def fill_in_addresses(people: dict[str, Membership], at: datetime) -> None:
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
            # On another platform, it's possible that no role allows this.
            if extension.role.covers(built_in.EDIT_COMPANY_INFO):
                update_business_address(extension, address, origin=DEMO_ORIGIN, via="", at=at)
