"""Organization → Audit log: filters, pages, sentences, the export."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import audit
from accounts.actions.invitations import invite
from accounts.actions.seals import seal_events
from accounts.audit_chain import verify_lines
from accounts.models import AuditEvent, AuditKind, Membership, User
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

LOG = reverse("accounts:audit_log")
EXPORT = reverse("accounts:export_audit_log")
MAX_QUERIES = 12
AT = datetime(2026, 1, 11, 10, 40, 30, tzinfo=UTC)


def text(browser: Browser, **query: str) -> str:
    response = browser.get(f"{LOG}?{urlencode(query)}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def event(actor: Membership, name: str, *, at: datetime = AT) -> AuditEvent:
    """`actor` changed a profile that is called `name`."""
    subject = User(email=name)
    subject.membership = Membership(organization=actor.organization)
    return audit.record(
        AuditKind.USER_UPDATED,
        actor=actor.user,
        origin=cast.ORIGIN,
        target=subject,
        at=at,
        changes={"first_name": ["Ben", name]},
    )


@pytest.mark.parametrize("name", ["leia", "han", "c3po"])
def test_admins_and_auditors_read_the_log_of_their_organization(
    rebels: Rebels, partners: Partners, sign_in: SignIn, name: str
) -> None:
    page = text(sign_in(getattr(rebels, name)))
    assert "luke@rebels.example" in page
    assert "cloudcity" not in page
    assert f'href="{LOG}" aria-current="page"' in page


@pytest.mark.parametrize("name", ["luke", "lando", "wedge"])
def test_others_may_not(rebels: Rebels, sign_in: SignIn, name: str) -> None:
    browser = sign_in(getattr(rebels, name))
    assert browser.get(LOG).status_code == 403
    assert browser.post(EXPORT).status_code == 403
    assert LOG not in browser.get(reverse("dashboard")).content.decode()
    assert not AuditEvent.objects.filter(kind=AuditKind.AUDIT_EXPORTED).exists()


def test_an_event_is_a_sentence_with_its_links_and_details(rebels: Rebels, sign_in: SignIn) -> None:
    application = cast.application(rebels.luke)
    client, _ = cast.client(application)
    credential = cast.credential(rebels.luke, label="Nightly")
    page = text(sign_in(rebels.c3po))
    detail = reverse("developer_credentials:detail", args=[rebels.luke.user_id, credential.pk])
    app = reverse("credentials:application", args=[application.pk])
    actor = "<strong>luke@rebels.example</strong>"
    assert f'{actor} created the JWT credential <a href="{detail}">Nightly</a>' in page
    assert f'{actor} registered the app <a href="{app}">Falcon Dialer</a>' in page
    assert f'{actor} issued the client ID <a href="{app}">{client.client_id}</a>' in page
    assert f"{actor} joined the organization </p>" in page
    assert "<dt>IP address</dt><dd>192.0.2.1</dd>" in page
    assert "<dt>Sealed</dt><dd>Not yet</dd>" in page
    assert re.search(r'<code>tests</code><button [^>]*data-copy aria-label="Copy request', page)


def test_targets_are_linked_only_for_people_who_can_open_them(
    rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    rebels.leia.role = "no_access"
    rebels.leia.save()
    page = text(sign_in(rebels.leia))
    assert "<strong>Contractor Key</strong>" in page
    assert f"credentials/{credential.pk}" not in page


def test_an_invitation_links_to_the_access_page_for_people_who_can_view_it(
    rebels: Rebels, sign_in: SignIn
) -> None:
    invite(
        rebels.organization,
        "new@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    link = f'invited <a href="{reverse("accounts:access")}">new@rebels.example</a>'
    assert link in text(sign_in(rebels.c3po))
    assert "invited <strong>new@rebels.example</strong>" in text(sign_in(rebels.han))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"person": "han"}, "B"),
        ({"person": "LEIA example"}, "AC"),
        ({"person": "example"}, "ABC"),
        ({"person": "lobot"}, ""),
        ({"target": "b"}, "B"),
        ({"target_type": "user", "target": "C"}, "C"),
        ({"target_type": "application", "target": "C"}, ""),
        ({"since": "2026-01-11T10:41"}, "C"),
        ({"until": "2026-01-11T10:40"}, "AB"),
        ({"since": "2026-01-11T10:40", "until": "2026-01-11T10:40"}, "B"),
        ({"kind": "user.updated", "person": "han"}, "B"),
        ({"kind": "application.retired"}, ""),
    ],
    ids=str,
)
def test_filters_combine(
    rebels: Rebels, sign_in: SignIn, query: dict[str, str], found: str
) -> None:
    event(rebels.leia, "A", at=AT - timedelta(hours=1))
    event(rebels.han, "B")
    event(rebels.leia, "C", at=AT + timedelta(hours=1))
    page = text(sign_in(rebels.c3po), **query)
    assert {name for name in "ABC" if f"<dd>{name} <span" in page} == set(found)
    assert ("No events found" in page) is (not found)
    assert "Clear filters" in page


def test_what_commands_did_is_the_operators(rebels: Rebels, sign_in: SignIn) -> None:
    page = text(sign_in(rebels.c3po), person="operator")
    assert "<strong>Operator</strong> created the organization" in page
    assert "joined the organization" not in page


@pytest.mark.both_databases
def test_a_target_is_found_by_its_id(rebels: Rebels, sign_in: SignIn) -> None:
    application = cast.application(rebels.luke)
    page = text(sign_in(rebels.c3po), target=str(application.pk))
    assert "registered the app" in page
    assert "joined the organization" not in page


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"since": "yesterday"}, "Enter a valid date/time."),
        ({"since": "0001-01-01T00:00+14:00"}, "Enter a year from 1970 to 9000."),
        (
            {"since": "2026-01-02T00:00", "until": "2026-01-01T00:00"},
            "Enter a time after “From”.",
        ),
        ({"kind": "nonsense"}, "Select a valid choice."),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_said_beside_the_field(
    rebels: Rebels, sign_in: SignIn, query: dict[str, str], message: str
) -> None:
    assert message in text(sign_in(rebels.c3po), **query)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "value", ["0", "-1", "99999999999999999999", "x", "\x00", "9223372036854775807"]
)
@pytest.mark.parametrize("name", ["after", "before", "person", "target"])
def test_nonsense_is_no_error(rebels: Rebels, sign_in: SignIn, name: str, value: str) -> None:
    text(sign_in(rebels.c3po), **{name: value})


def test_too_many_people_ask_for_more_of_the_name(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.reports.audit_log.MAX_PEOPLE", 2)
    assert "Enter more of the name" in text(sign_in(rebels.c3po), person="example")


def test_an_organization_without_events_says_so(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = AuditEvent.objects.none()
    monkeypatch.setattr("accounts.views.audit.wanted_events", lambda *_: none)
    page = text(sign_in(rebels.c3po))
    assert "No events yet" in page
    assert EXPORT not in page


def queries_of(captured: CaptureQueriesContext) -> int:
    """Without what opens and closes transactions."""
    return sum(
        not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
        for query in captured
    )


@pytest.mark.both_databases
def test_pages_go_back_in_time_and_forth_again(rebels: Rebels, sign_in: SignIn) -> None:
    """Each of several events of one moment is on exactly one page."""
    for number in range(120):
        event(rebels.han, f"N{number:03}")
    browser = sign_in(rebels.c3po)
    browser.get(LOG)
    pages, url, counts = [], f"{LOG}?person=han&kind=user.updated", []
    while url:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = browser.get(url)
        counts.append(len(queries))
        pages.append([row[0].target_label for row in response.context["rows"]])
        page = response.context["page"]
        url, back = page.next_url and LOG + page.next_url, page.previous_url
    assert list(chain(*pages)) == [f"N{number:03}" for number in reversed(range(120))]
    assert max(counts) <= MAX_QUERIES
    before = browser.get(LOG + back)
    assert [row[0].target_label for row in before.context["rows"]] == pages[-2]


@pytest.mark.both_databases
def test_a_page_with_every_kind_of_target_takes_few_queries(
    rebels: Rebels, sign_in: SignIn
) -> None:
    for number in range(3):
        application = cast.application(rebels.luke, name=f"App {number}")
        cast.client(application)
        cast.credential(rebels.luke, label=f"Key {number}")
    browser = sign_in(rebels.leia)
    query = urlencode({"person": "example", "since": "2020-01-01T00:00"})
    browser.get(LOG)
    with CaptureQueriesContext(connection) as queries:
        browser.get(f"{LOG}?{query}")
    assert queries_of(queries) <= MAX_QUERIES


def exported(browser: Browser, ending: str, **query: str) -> str:
    response = browser.post(f"{EXPORT}?{urlencode(query)}", {"format": ending})
    assert response.status_code == 200
    assert response.streaming
    assert f'.{ending}"' in response.headers["Content-Disposition"]
    return str(response.getvalue().decode("utf-8-sig"))


def test_the_csv_runs_nothing_and_is_recorded_first(rebels: Rebels, sign_in: SignIn) -> None:
    event(rebels.han, "=HYPERLINK(1)")
    rows = list(
        csv.DictReader(
            io.StringIO(exported(sign_in(rebels.c3po), "csv", person="han", kind="user.updated"))
        )
    )
    recorded = AuditEvent.objects.get(kind=AuditKind.AUDIT_EXPORTED)
    assert recorded.actor == rebels.c3po.user
    assert recorded.details == {"format": "csv", "who": "han", "did": "user.updated"}
    (row,) = rows
    assert row["to"] == "'=HYPERLINK(1)"
    assert row["at"] == "2026-01-11T10:40:30.000000Z"
    assert row["details"] == "First name: Ben → =HYPERLINK(1)"
    assert (row["who"], row["did"]) == ("han@rebels.example", "changed the profile of")


def test_a_link_can_not_export(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.c3po)
    assert browser.get(EXPORT).status_code == 405
    assert browser.post(EXPORT, {"format": "exe"}).status_code == 400
    assert not AuditEvent.objects.filter(kind=AuditKind.AUDIT_EXPORTED).exists()


def test_a_second_export_waits_for_the_first(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    first = browser.post(EXPORT)
    refused = browser.post(f"{EXPORT}?person=han", {"format": "jsonl"}, follow=True)
    assert "Your previous export is still running." in refused.content.decode()
    assert refused.redirect_chain == [(reverse("accounts:audit_log") + "?person=han", 302)]
    assert b"at,who,did,to," in first.getvalue()
    assert AuditEvent.objects.filter(kind=AuditKind.AUDIT_EXPORTED).count() == 1
    assert browser.post(EXPORT).status_code == 200


@pytest.mark.both_databases
def test_json_lines_prove_themselves(
    rebels: Rebels, partners: Partners, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.reports.audit_log.EXPORT_BATCH", 3)
    seal_events()
    browser = sign_in(rebels.c3po)
    lines = exported(browser, "jsonl").splitlines()
    first, *events = map(json.loads, lines)
    organization = rebels.organization
    expected = AuditEvent.objects.filter(organization=organization).order_by("at", "pk")
    assert [line["event"] for line in events] == [one.document for one in expected]
    report = verify_lines(lines)
    assert (report.problem, report.is_whole) == ("", True)
    # The export itself was recorded after the sealing.
    assert (report.sealed, report.unsealed) == (len(expected) - 1, 1)
    assert (
        str(report.head) == f"{organization.pk}:{report.sealed}:{first['export']['head']['hash']}"
    )
    assert "cloudcity" not in "".join(lines)


def test_a_filtered_export_says_what_it_left_out(rebels: Rebels, sign_in: SignIn) -> None:
    event(rebels.han, "B")
    seal_events()
    lines = exported(sign_in(rebels.c3po), "jsonl", person="han").splitlines()
    report = verify_lines(lines)
    assert json.loads(lines[0])["export"]["filters"] == {"who": "han"}
    assert (report.problem, report.is_whole, report.unsealed) == ("", False, 0)
