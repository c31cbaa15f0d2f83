"""Two people decide at the same moment, and programs exchange while someone loses the role."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import accept_invitation, accept_invitation_as, invite
from accounts.actions.memberships import change_role, deactivate
from accounts.actions.organizations import create_organization
from accounts.models import AuditEvent, AuditKind, Invitation, Membership, User
from accounts.roles import ConsoleRole
from credentials.actions.applications import transfer_application
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.races import at_once, shared_database

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db", "_one_database"),
]


@pytest.fixture
def _one_database(rebels: Rebels, tmp_path: Path) -> Iterator[None]:
    """Everything of the test is in the database that all its threads share."""
    make_admin(rebels.han, by=rebels.leia)
    with shared_database(tmp_path):
        yield


def make_admin(person: Membership, *, by: Membership) -> None:
    set_role(person, by, is_account_admin=True)()
    person.refresh_from_db()


def set_role(
    person: Membership,
    by: Membership,
    role: ConsoleRole = ConsoleRole.DEVELOPER_ADMIN,
    *,
    is_account_admin: bool = False,
) -> Callable[[], Membership]:
    return lambda: change_role(
        person,
        role=role,
        is_account_admin=is_account_admin,
        actor=by.user,
        origin=cast.ORIGIN,
    )


def admins(rebels: Rebels) -> list[str]:
    found = rebels.organization.memberships.account_admins().order_by("user__email")
    return [admin.user.first_name for admin in found.select_related("user")]


def kinds(answers: list[Any]) -> list[str]:
    return sorted(type(answer).__name__ for answer in answers)


def test_the_first_of_two_decisions_on_an_access_request_counts(
    rebels: Rebels, sign_in: SignIn
) -> None:
    asked = request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    url = reverse("accounts:approve_access_request", args=[asked.pk])
    browsers = [sign_in(rebels.leia), sign_in(rebels.han)]
    for browser in browsers:
        cast.step_up(browser)

    def approve(browser: Client, role: str) -> Callable[[], Any]:
        return lambda: browser.post(url, {"role": role}, follow=True)

    responses = at_once(
        approve(browsers[0], "developer"),
        approve(browsers[1], "auditor"),
    )
    event = AuditEvent.objects.get(kind=AuditKind.ACCESS_GRANTED)
    rebels.wedge.refresh_from_db()
    assert event.details == {"role": rebels.wedge.role}
    pages = [response.content.decode() for response in responses]
    told = [("now has the" in page, "already approved Wedge" in page) for page in pages]
    assert sorted(told) == [(False, True), (True, False)]


def test_one_of_two_people_accepts_the_same_invitation(rebels: Rebels) -> None:
    _, token = invite(
        rebels.organization,
        "mon@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    url = reverse("accounts:open_invitation", args=[token])

    def accept(name: str) -> Callable[[], Any]:
        password = "Chandrila-Senator-42"
        data = {"first_name": name, "password": password, "password_again": password}
        browser = Client()
        page = browser.get(url)["Location"]
        return lambda: browser.post(page, data)

    responses = at_once(accept("Mon"), accept("Thief"))
    statuses = sorted(response.status_code for response in responses)
    # Who comes second is told so by the form, or by the page once the first is done.
    assert statuses in ([200, 302], [302, 410])
    assert User.objects.filter(email="mon@rebels.example").count() == 1
    assert AuditEvent.objects.filter(kind=AuditKind.INVITATION_ACCEPTED).count() == 1


def test_a_person_accepts_the_invitations_of_two_organizations_at_once(rebels: Rebels) -> None:
    others = create_organization("Cloud City", actor=None, origin=cast.ORIGIN)
    for turn in range(4):
        email = f"mon{turn}@rebels.example"
        invitations = [
            invite(
                organization,
                email,
                role=ConsoleRole.DEVELOPER,
                is_account_admin=False,
                actor=None,
                origin=cast.ORIGIN,
            )[0]
            for organization in (rebels.organization, others)
        ]
        answers = at_once(*(accepting(invitation) for invitation in invitations))
        assert kinds(answers) == ["User", "ValidationError"]
        [refused] = [answer for answer in answers if isinstance(answer, ValidationError)]
        assert refused.messages == ["This email address is already in use. Sign in instead."]
        assert Membership.objects.filter(user__email=email).count() == 1


def accepting(invitation: Invitation) -> Callable[[], User]:
    return lambda: accept_invitation(
        invitation,
        first_name="Mon",
        last_name="",
        password="Chandrila-Senator-42",
        origin=cast.ORIGIN,
    )


def test_accepting_an_invitation_twice_at_once_joins_once(rebels: Rebels) -> None:
    invitation, _ = invite(
        rebels.organization,
        "wedge@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )

    def accept() -> Membership:
        return accept_invitation_as(rebels.wedge.user, invitation, origin=cast.ORIGIN)

    assert kinds(at_once(accept, accept)) == ["Membership", "ValidationError"]


def test_the_last_two_administrators_demote_each_other(rebels: Rebels) -> None:
    answers = at_once(set_role(rebels.han, rebels.leia), set_role(rebels.leia, rebels.han))
    assert kinds(answers) == [Membership.__name__, PermissionDenied.__name__]
    assert len(admins(rebels)) == 1


def test_the_last_two_administrators_demote_themselves(rebels: Rebels) -> None:
    answers = at_once(set_role(rebels.han, rebels.han), set_role(rebels.leia, rebels.leia))
    assert kinds(answers) == [Membership.__name__, ValidationError.__name__]
    assert len(admins(rebels)) == 1


def test_one_administrator_leaves_while_the_other_is_deactivated(rebels: Rebels) -> None:
    answers = at_once(
        set_role(rebels.leia, rebels.leia),
        lambda: deactivate(rebels.han, actor=rebels.leia.user, origin=cast.ORIGIN),
    )
    assert len([answer for answer in answers if isinstance(answer, Membership)]) == 1
    assert len(admins(rebels)) == 1


def test_the_new_owner_of_an_app_is_deactivated_meanwhile(rebels: Rebels) -> None:
    application = cast.application(rebels.luke)
    answers = at_once(
        lambda: transfer_application(
            application, rebels.lando, actor=rebels.leia.user, origin=cast.ORIGIN
        ),
        lambda: deactivate(rebels.lando, actor=rebels.leia.user, origin=cast.ORIGIN),
    )
    assert {type(answer).__name__ for answer in answers} <= {
        "Application",
        "Membership",
        "ValidationError",
    }
    events = AuditEvent.objects.filter(
        kind__in=[AuditKind.APPLICATION_TRANSFERRED, AuditKind.MEMBERSHIP_DEACTIVATED]
    ).order_by("id")
    application.refresh_from_db()
    found = [event.kind for event in events]
    if application.owner == rebels.lando.user:
        assert found == [AuditKind.APPLICATION_TRANSFERRED, AuditKind.MEMBERSHIP_DEACTIVATED]
    else:
        assert found == [AuditKind.MEMBERSHIP_DEACTIVATED]


def test_a_role_changes_while_programs_exchange(rebels: Rebels) -> None:
    app = api.app(rebels.leia)
    jwt = cast.credential(rebels.luke).encode()
    assert api.exchange(app, jwt).status_code == 200
    changed = threading.Event()

    def program() -> list[tuple[bool, int, str]]:
        """Exchanges until two requests after the change, and what each was answered."""
        answers = []
        after = 0
        while after < 2:
            began_after = changed.is_set()
            response = api.exchange(app, jwt)
            code = response.json().get("errors", [{}])[0].get("errorCode", "")
            answers.append((began_after, response.status_code, code))
            after += began_after
        return answers

    def demote() -> Membership:
        try:
            return set_role(rebels.luke, rebels.leia, ConsoleRole.AUDITOR)()
        finally:
            changed.set()

    first, second, demoted = at_once(program, program, demote)
    assert isinstance(demoted, Membership)
    for began_after, status, code in [*first, *second]:
        assert (status, code) in {(200, ""), (400, "JWT-106")}
        if began_after:
            assert (status, code) == (400, "JWT-106")
