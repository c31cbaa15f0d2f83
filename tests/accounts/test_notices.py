"""What people learn in the console, and that only they can read it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.actions.access_requests import (
    approve_access_request,
    decline_access_request,
    request_access,
)
from accounts.actions.memberships import change_role, deactivate, reactivate
from accounts.actions.notices import mark_all_notices_read, mark_notice_read
from accounts.models import Membership, Notice, NoticeKind, User
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

pytestmark = pytest.mark.django_db

URL = "/console/notices"
READ_ALL = "/console/notices/read"
NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
LEIA = "Leia Example"


def notice(member: Membership, text: str = "Something happened.", **facts: Any) -> Notice:
    fields = {"kind": NoticeKind.REACTIVATED, "path": "/console/my-profile", **facts}
    return Notice.objects.create(user=member.user, text=text, **fields)


def page(browser: Client, query: str = "") -> str:
    response = browser.get(URL + query)
    assert response.status_code == 200
    return response.content.decode()


def shown(browser: Client, query: str = "") -> list[str]:
    """The texts of one page of the list."""
    return [row.text for row in browser.get(URL + query).context["page"].rows]


def texts(member: Membership) -> list[str]:
    return list(member.user.notices.order_by("pk").values_list("text", flat=True))


# --- What happens, and who is told ---------------------------------------------------------------


def decided(by: Membership) -> dict[str, Any]:
    return {"actor": by.user, "origin": cast.ORIGIN}


def requested(rebels: Rebels) -> Any:
    return request_access(rebels.wedge, reason="To fly & <see>", origin=cast.ORIGIN)


def test_administrators_are_told_of_a_request(rebels: Rebels) -> None:
    change_role(
        rebels.han,
        role=ConsoleRole.DEVELOPER_ADMIN,
        is_account_admin=True,
        **decided(rebels.leia),
    )
    Notice.objects.all().delete()
    request = requested(rebels)
    for admin in (rebels.leia, rebels.han):
        told = admin.user.notices.get()
        assert (told.kind, told.text, told.path, told.at) == (
            NoticeKind.ACCESS_REQUESTED,
            "Wedge Example requested console access: To fly & <see>",
            "/console/organization/access",
            request.created_at,
        )
    assert Notice.objects.count() == 2


Happening = Callable[[Rebels], object]


def approved(rebels: Rebels) -> object:
    return approve_access_request(
        requested(rebels), role=ConsoleRole.DEVELOPER, **decided(rebels.leia)
    )


def declined(rebels: Rebels) -> object:
    return decline_access_request(requested(rebels), reason="Not now", **decided(rebels.leia))


def promoted(rebels: Rebels) -> object:
    return change_role(
        rebels.wedge, role=ConsoleRole.AUDITOR, is_account_admin=True, **decided(rebels.leia)
    )


def removed(rebels: Rebels) -> object:
    return deactivate(rebels.wedge, **decided(rebels.leia))


def back(rebels: Rebels) -> None:
    removed(rebels)
    reactivate(rebels.wedge, **decided(rebels.leia))


@pytest.mark.parametrize(
    ("happens", "kind", "text"),
    [
        (
            approved,
            NoticeKind.ACCESS_GRANTED,
            f"{LEIA} gave you console access. Your console role is Developer.",
        ),
        (
            declined,
            NoticeKind.ACCESS_DECLINED,
            f"{LEIA} declined your request for console access: Not now",
        ),
        (
            promoted,
            NoticeKind.ROLE_CHANGED,
            f"{LEIA} set your console role to Auditor, with account administrator rights.",
        ),
        (removed, NoticeKind.DEACTIVATED, f"{LEIA} deactivated your account in Rebel Alliance."),
        (back, NoticeKind.REACTIVATED, f"{LEIA} reactivated your account in Rebel Alliance."),
    ],
)
def test_the_person_is_told(
    happens: Happening, kind: NoticeKind, text: str, rebels: Rebels, sign_in: SignIn
) -> None:
    happens(rebels)
    told = rebels.wedge.user.notices.latest("pk")
    assert (told.kind, told.text) == (kind, text)
    rebels.wedge.user.refresh_from_db()
    if rebels.wedge.user.is_active:
        assert text in page(sign_in(rebels.wedge))
        assert sign_in(rebels.wedge).get(told.path).status_code in (200, 403)


def test_people_get_no_notice_of_their_own_actions(rebels: Rebels) -> None:
    change_role(
        rebels.leia, role=ConsoleRole.DEVELOPER, is_account_admin=True, **decided(rebels.leia)
    )
    assert texts(rebels.leia) == []


def test_what_is_taken_back_was_never_told(rebels: Rebels) -> None:
    with transaction.atomic():
        requested(rebels)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


# --- The list ------------------------------------------------------------------------------------


def test_newest_first_with_link_and_date(rebels: Rebels, sign_in: SignIn) -> None:
    notice(rebels.wedge, "Old & <b>bold</b>", at=NOON)
    notice(rebels.wedge, "New", at=NOON + timedelta(hours=1), path="/console/sandbox")
    notice(rebels.luke, "Of somebody else")
    browser = sign_in(rebels.wedge)
    html = page(browser)
    assert shown(browser) == ["New", "Old & <b>bold</b>"]
    assert escape("Old & <b>bold</b>") in html
    assert "<b>bold</b>" not in html
    assert 'href="/console/sandbox"' in html
    assert "May 1, 2031, 13:00 UTC" in html
    assert html.count("Unread:") == 2


def test_a_person_without_notices_sees_an_explanation(rebels: Rebels, sign_in: SignIn) -> None:
    html = page(sign_in(rebels.luke))
    assert "No notices yet" in html
    assert "Notices, none unread" in html
    assert "Mark all as read" not in html
    assert "No unread notices" in page(sign_in(rebels.luke), "?show=unread")


def test_everyone_who_is_signed_in_has_a_list(rebels: Rebels, sign_in: SignIn) -> None:
    operator = User.objects.create(email="op@example.com", first_name="Op")
    client = Client()
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    for browser in (client, *map(sign_in, (rebels.leia, rebels.c3po, rebels.wedge))):
        assert "Notices" in page(browser)
    response = Client().get(URL)
    assert response["Location"].startswith(reverse("account_login"))


def test_a_long_list_has_pages(rebels: Rebels, sign_in: SignIn) -> None:
    """By date, then by number: many happen at the same moment."""
    for number in range(60):
        notice(rebels.luke, f"{number}", at=NOON + timedelta(minutes=number // 3))
    browser = sign_in(rebels.luke)
    expected = [str(number) for number in reversed(range(60))]
    first = browser.get(URL).context["page"]
    assert [row.text for row in first.rows] == expected[:25]
    assert not first.previous_url
    second = browser.get(URL + first.next_url).context["page"]
    assert [row.text for row in second.rows] == expected[25:50]
    third = browser.get(URL + second.next_url).context["page"]
    assert [row.text for row in third.rows] == expected[50:]
    assert not third.next_url
    assert shown(browser, third.previous_url) == expected[25:50]


@pytest.mark.parametrize("query", ["?after=x", "?before=-1", "?show=all", "?after=99999999999999"])
def test_nonsense_is_the_first_page(query: str, rebels: Rebels, sign_in: SignIn) -> None:
    notice(rebels.luke, "Here")
    assert shown(sign_in(rebels.luke), query) == ["Here"]


# --- Reading -------------------------------------------------------------------------------------


def test_mark_one_as_read(rebels: Rebels, sign_in: SignIn) -> None:
    first, second = notice(rebels.luke, "First"), notice(rebels.luke, "Second")
    browser = sign_in(rebels.luke)
    assert "Notices, 2 unread" in page(browser)
    response = browser.post(f"{URL}/{first.pk}/read?show=unread&after={second.pk}")
    assert (response.status_code, response["Location"]) == (
        302,
        f"{URL}?show=unread&after={second.pk}",
    )
    first.refresh_from_db()
    read_at = first.read_at
    assert read_at is not None
    assert browser.post(f"{URL}/{first.pk}/read")["Location"] == URL
    first.refresh_from_db()
    assert first.read_at == read_at
    html = page(browser)
    assert "Notices, 1 unread" in html
    assert html.count("Unread:") == 1
    assert shown(browser, "?show=unread") == ["Second"]


def test_mark_all_as_read(rebels: Rebels, partners: Partners, sign_in: SignIn) -> None:
    for member in (rebels.luke, rebels.luke, rebels.han, partners.lobot):
        notice(member)
    browser = sign_in(rebels.luke)
    until = browser.get(URL).context["now"]
    notice(rebels.luke, "Came after the page was made")
    response = browser.post(READ_ALL, {"until": until}, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    html = response.content.decode()
    assert "You marked all notices as read." in html
    assert "Notices, 1 unread" in html
    browser.post(READ_ALL, {"until": "nonsense"})
    assert [row.user for row in Notice.objects.unread().order_by("pk")] == [
        rebels.han.user,
        partners.lobot.user,
    ]


def test_people_mark_only_their_own_notices_as_read(rebels: Rebels, sign_in: SignIn) -> None:
    of_luke = notice(rebels.luke)
    for member in (rebels.leia, rebels.han, rebels.wedge):
        assert sign_in(member).post(f"{URL}/{of_luke.pk}/read").status_code == 404
    with pytest.raises(PermissionDenied):
        mark_notice_read(of_luke, actor=rebels.leia.user)
    assert mark_all_notices_read(rebels.leia.user) == 0
    of_luke.refresh_from_db()
    assert of_luke.is_unread


@pytest.mark.parametrize("path", [READ_ALL, f"{URL}/1/read"])
def test_reading_is_a_post_with_a_token(path: str, rebels: Rebels) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get(path).status_code == 405
    assert browser.post(path).status_code == 403


# --- The bell ------------------------------------------------------------------------------------


def asked(browser: Client, path: str) -> list[str]:
    """The statements about notices that one page makes."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        browser.get(path)
    table = Notice._meta.db_table
    return [query["sql"] for query in queries.captured_queries if table in query["sql"]]


@pytest.mark.parametrize(
    "path", ["/console/", "/console/my-profile", "/console/organization", "/console/nowhere"]
)
def test_the_bell_is_one_query_for_what_is_unread(
    path: str, rebels: Rebels, sign_in: SignIn
) -> None:
    notice(rebels.luke)
    [query] = asked(sign_in(rebels.luke), path)
    assert '"read_at" IS NULL' in query


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/restapi/v1.0/account/~",
        "/sandbox/restapi/oauth/verify",
        "/sandbox/restapi/oauth/jwks",
        "/healthz/ready",
    ],
)
def test_what_has_no_bell_asks_nothing(path: str, rebels: Rebels, sign_in: SignIn) -> None:
    assert asked(sign_in(rebels.luke), path) == []
    assert asked(Client(), "/account/login/") == []


def test_many_are_not_counted_to_the_end(rebels: Rebels, sign_in: SignIn) -> None:
    Notice.objects.bulk_create(
        Notice(user=rebels.luke.user, kind=NoticeKind.REACTIVATED, text="x", path="/console/")
        for _ in range(150)
    )
    html = page(sign_in(rebels.luke))
    assert "Notices, more than 99 unread" in html
    assert "99+" in html


def test_the_list_asks_the_same_whatever_its_length(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    browser.get(URL)
    with CaptureQueriesContext(connection) as few:
        browser.get(URL)
    for _ in range(60):
        notice(rebels.luke, at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        browser.get(URL)
    assert len(few) == len(many) <= 12
