"""Roles and leaving: what the actions allow, whom they refuse, and what they tell."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actions.access_requests import request_access
from accounts.actions.memberships import change_role, deactivate, reactivate, remove_access
from accounts.forms.memberships import PeopleListForm
from accounts.models import AuditEvent, AuditKind, Membership
from accounts.models.access_requests import Decision
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

ACCESS = "/console/organization/access"


def set_role(
    membership: Membership,
    role: ConsoleRole,
    by: Membership,
    *,
    is_account_admin: bool = False,
) -> Membership:
    return change_role(
        membership,
        role=role,
        is_account_admin=is_account_admin,
        actor=by.user,
        origin=cast.ORIGIN,
    )


def make_auditor(membership: Membership, by: Membership) -> Any:
    return set_role(membership, ConsoleRole.AUDITOR, by)


def remove(membership: Membership, by: Membership) -> Any:
    return remove_access(membership, actor=by.user, origin=cast.ORIGIN)


def shut_out(membership: Membership, by: Membership) -> Any:
    return deactivate(membership, actor=by.user, origin=cast.ORIGIN)


def let_in(membership: Membership, by: Membership) -> Any:
    return reactivate(membership, actor=by.user, origin=cast.ORIGIN)


Act = Callable[[Membership, Membership], Any]
LEAVING: list[Act] = [make_auditor, remove, shut_out]


def the_email(capture: DjangoCaptureOnCommitCallbacks, act: Callable[[], Any]) -> Any:
    with capture(execute=True):
        act()
    [message] = mail.outbox
    return message


def test_an_administrator_changes_a_role(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    message = the_email(
        django_capture_on_commit_callbacks, lambda: make_auditor(rebels.luke, rebels.leia)
    )
    rebels.luke.refresh_from_db()
    assert rebels.luke.role == ConsoleRole.AUDITOR
    event = AuditEvent.objects.get(kind=AuditKind.MEMBERSHIP_ROLE_CHANGED)
    assert (event.actor, event.target_id) == (rebels.leia.user, str(rebels.luke.user_id))
    assert event.details == {"changes": {"role": ["developer", "auditor"]}}
    assert message.to == ["luke@rebels.example"]
    assert message.subject == "Your Developer Console role is now Auditor"
    assert "Leia Example (leia@rebels.example) changed your role" in message.body
    assert "won’t work until you have the Developer role again" in message.body


def test_giving_the_same_role_again_records_nothing(rebels: Rebels) -> None:
    set_role(rebels.luke, ConsoleRole.DEVELOPER, rebels.leia)
    assert not AuditEvent.objects.filter(kind=AuditKind.MEMBERSHIP_ROLE_CHANGED).exists()


def test_a_role_given_otherwise_answers_the_request(rebels: Rebels) -> None:
    asked = request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    set_role(rebels.wedge, ConsoleRole.DEVELOPER, rebels.leia)
    asked.refresh_from_db()
    assert (asked.decision, asked.decided_by) == (Decision.APPROVED, rebels.leia.user)


def test_deactivating_declines_the_request(rebels: Rebels) -> None:
    asked = request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    shut_out(rebels.wedge, rebels.leia)
    asked.refresh_from_db()
    assert (asked.decision, asked.decided_by) == (Decision.DECLINED, rebels.leia.user)


def test_an_administrator_removes_access(rebels: Rebels) -> None:
    set_role(rebels.han, ConsoleRole.DEVELOPER_ADMIN, rebels.leia, is_account_admin=True)
    remove(rebels.han, rebels.leia)
    rebels.han.refresh_from_db()
    assert (rebels.han.role, rebels.han.is_account_admin) == (ConsoleRole.NO_ACCESS, False)
    event = AuditEvent.objects.filter(kind=AuditKind.MEMBERSHIP_ROLE_CHANGED).latest("id")
    assert event.details["changes"] == {
        "role": ["developer_admin", "no_access"],
        "is_account_admin": [True, False],
    }


def signed_in_by_hand() -> Client:
    """Through the page: sessions that the test client makes up are not on the person's list."""
    browser = Client()
    browser.post(
        reverse("account_login"), {"login": "luke@rebels.example", "password": cast.PASSWORD}
    )
    return browser


def test_deactivating_ends_every_session_for_good(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    here, there = signed_in_by_hand(), signed_in_by_hand()
    assert here.get(reverse("dashboard")).status_code == 200
    message = the_email(
        django_capture_on_commit_callbacks, lambda: shut_out(rebels.luke, rebels.leia)
    )
    assert message.to == ["luke@rebels.example"]
    assert "Leia Example (leia@rebels.example) deactivated you" in message.body
    assert not UserSession.objects.filter(user=rebels.luke.user).exists()
    let_in(rebels.luke, rebels.leia)
    for browser in (here, there):
        response = browser.get(reverse("dashboard"))
        assert response["Location"].startswith(reverse("account_login"))
    kinds = AuditEvent.objects.filter(target_id=rebels.luke.user_id, actor=rebels.leia.user)
    assert list(kinds.order_by("id").values_list("kind", flat=True)) == [
        AuditKind.MEMBERSHIP_DEACTIVATED,
        AuditKind.MEMBERSHIP_REACTIVATED,
    ]


def test_the_deactivated_can_not_sign_in(rebels: Rebels, client: Client) -> None:
    shut_out(rebels.luke, rebels.leia)
    credentials = {"login": "luke@rebels.example", "password": cast.PASSWORD}
    client.post(reverse("account_login"), credentials)
    assert client.get(reverse("dashboard")).status_code == 302
    let_in(rebels.luke, rebels.leia)
    client.post(reverse("account_login"), credentials)
    assert client.get(reverse("dashboard")).status_code == 200


def test_reactivating_tells_the_person(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    shut_out(rebels.luke, rebels.leia)
    message = the_email(
        django_capture_on_commit_callbacks, lambda: let_in(rebels.luke, rebels.leia)
    )
    assert message.to == ["luke@rebels.example"]
    assert (
        "Your JWT credentials work again, except any that have expired or been revoked."
        in message.body
    )


def test_repeating_a_membership_change_changes_nothing(rebels: Rebels) -> None:
    for act in (shut_out, shut_out, let_in, let_in):
        act(rebels.luke, rebels.leia)
    assert AuditEvent.objects.filter(target_id=rebels.luke.user_id).count() == 3


@pytest.mark.parametrize("act", LEAVING)
def test_the_last_account_administrator_stays(act: Act, rebels: Rebels) -> None:
    with pytest.raises(ValidationError, match="last active account administrator"):
        act(rebels.leia, rebels.leia)
    rebels.leia.refresh_from_db()
    assert rebels.leia.is_account_admin
    assert rebels.leia.role == ConsoleRole.DEVELOPER_ADMIN
    assert rebels.leia.user.is_active


@pytest.mark.parametrize("act", LEAVING)
def test_a_deactivated_administrator_does_not_count(act: Act, rebels: Rebels) -> None:
    set_role(rebels.han, ConsoleRole.AUDITOR, rebels.leia, is_account_admin=True)
    shut_out(rebels.han, rebels.leia)
    with pytest.raises(ValidationError, match="last active account administrator"):
        act(rebels.leia, rebels.leia)


@pytest.mark.parametrize("act", LEAVING)
def test_one_of_two_account_administrators_can_leave(act: Act, rebels: Rebels) -> None:
    set_role(rebels.han, ConsoleRole.NO_ACCESS, rebels.leia, is_account_admin=True)
    act(rebels.leia, rebels.leia)
    admins = rebels.organization.memberships.account_admins()
    assert [admin.user.email for admin in admins] == ["han@rebels.example"]


def test_the_last_administrator_may_change_the_own_console_role(rebels: Rebels) -> None:
    set_role(rebels.leia, ConsoleRole.AUDITOR, rebels.leia, is_account_admin=True)
    rebels.leia.refresh_from_db()
    assert rebels.leia.role == ConsoleRole.AUDITOR


@pytest.mark.parametrize("act", [*LEAVING, let_in])
@pytest.mark.parametrize("who", ["han", "luke", "c3po", "wedge", "lobot"])
def test_only_an_account_administrator_of_the_organization(
    act: Act, who: str, rebels: Rebels, partners: Partners
) -> None:
    actor = partners.lobot if who == "lobot" else getattr(rebels, who)
    with pytest.raises(PermissionDenied):
        act(rebels.lando, actor)
    rebels.lando.refresh_from_db()
    assert rebels.lando.role == ConsoleRole.DEVELOPER


def test_a_deactivated_administrator_decides_nothing(rebels: Rebels) -> None:
    set_role(rebels.han, ConsoleRole.DEVELOPER, rebels.leia, is_account_admin=True)
    shut_out(rebels.han, rebels.leia)
    with pytest.raises(PermissionDenied):
        shut_out(rebels.luke, rebels.han)


# --- The list ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["leia", "c3po"])
def test_page_shows_people_and_their_role(who: str, rebels: Rebels, sign_in: SignIn) -> None:
    shut_out(rebels.lando, rebels.leia)
    page = sign_in(getattr(rebels, who)).get(ACCESS).content.decode()
    for text in ("wedge@rebels.example", "Developer Admin", "account administrator", "Deactivated"):
        assert text in page


def test_an_administrator_without_console_role_decides_too(rebels: Rebels, sign_in: SignIn) -> None:
    set_role(rebels.wedge, ConsoleRole.NO_ACCESS, rebels.leia, is_account_admin=True)
    browser = sign_in(rebels.wedge)
    page = browser.get(reverse("dashboard")).content.decode()
    assert f'href="{ACCESS}"' in page
    page = browser.get(ACCESS).content.decode()
    assert reverse("organization:change_role", args=[rebels.luke.user_id]) in page
    assert f'href="{reverse("organization:developer", args=[rebels.luke.user_id])}"' not in page


def test_auditors_find_no_button(rebels: Rebels, sign_in: SignIn) -> None:
    request_access(rebels.wedge, reason="To fly.", origin=cast.ORIGIN)
    page = sign_in(rebels.c3po).get(ACCESS).content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert "To fly." in main
    for text in ("Approve", "Decline", "Change", "Invite<", 'method="post"'):
        assert text not in main


def test_the_access_page_shows_only_the_own_organization(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    page = sign_in(partners.lobot).get(ACCESS).content.decode()
    assert "lobot@cloudcity.example" in page
    assert "rebels.example" not in page


def emails_of(browser: Client, query: str) -> list[str]:
    return [
        person.user.email.split("@")[0]
        for person in browser.get(ACCESS + query).context["people"].rows
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=luke", ["luke"]),
        ("?q=EXAMPLE+han", ["han"]),
        ("?q=nobody", []),
        ("?role=developer", ["lando", "luke"]),
        ("?role=no_access&q=rebels", ["wedge"]),
        ("?role=emperor", ["c3po", "han", "lando", "leia", "luke", "wedge"]),
        ("?q=%00", []),
        ("?invitations-after=x", ["c3po", "han", "lando", "leia", "luke", "wedge"]),
    ],
)
def test_search_and_filter(query: str, found: list[str], rebels: Rebels, sign_in: SignIn) -> None:
    assert emails_of(sign_in(rebels.leia), query) == found


def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeopleListForm, "page_size", 4)
    browser = sign_in(rebels.leia)
    first = browser.get(ACCESS).context["people"]
    assert not first.previous_url
    second = browser.get(ACCESS + first.next_url).context["people"]
    assert [person.user.email.split("@")[0] for person in second.rows] == ["luke", "wedge"]
    assert not second.next_url
    assert emails_of(browser, second.previous_url) == [
        person.user.email.split("@")[0] for person in first.rows
    ]


def test_page_takes_few_queries(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    browser.get(ACCESS)
    with CaptureQueriesContext(connection) as queries:
        browser.get(ACCESS)
    asked = [query for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= 12
