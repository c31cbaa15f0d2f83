"""The hash chains: what `tick` seals, what `verify_audit` proves, and every way to tamper."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.models import QuerySet
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.actions import seals
from accounts.actions.seals import seal_batch, seal_events
from accounts.audit_chain import (
    OPERATOR,
    Head,
    address,
    canonical,
    chain_of,
    genesis,
    link_hash,
    verify_lines,
)
from accounts.models import AuditEvent, AuditKind, AuditSeal, Organization, User
from accounts.models.seals import unsealed_events
from core.moments import in_words
from tests import append_only, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.races import at_once, shared_database

# The rows without what our models refuse.
EVENTS: QuerySet[AuditEvent] = QuerySet(AuditEvent)
SEALS: QuerySet[AuditSeal] = QuerySet(AuditSeal)


@contextmanager
def tampering() -> Iterator[None]:
    """Disables the triggers, as the owner of the database can."""
    disable, restore = append_only.without_triggers(connection.vendor)
    with connection.cursor() as cursor:
        for statement in disable:
            cursor.execute(statement)
        yield
        for statement in restore:
            cursor.execute(statement)


def record(organization: Organization | None, **details: Any) -> AuditEvent:
    return audit.record(
        AuditKind.POLICY_UPDATED,
        actor=None,
        origin=cast.ORIGIN,
        target=organization or User(email="operator@example.com"),
        **details,
    )


def verify(*arguments: str) -> str:
    output = StringIO()
    call_command("verify_audit", *arguments, stdout=output)
    return output.getvalue()


def refusal(*arguments: str) -> str:
    """What is printed when it exits with 1."""
    output = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("verify_audit", *arguments, stdout=output)
    assert refused.value.returncode == 1
    return f"{output.getvalue()}{refused.value}"


def chain(organization: Organization) -> list[AuditSeal]:
    found = AuditSeal.objects.filter(chain=chain_of(organization.pk)).order_by("position")
    return list(found.select_related("event"))


@pytest.fixture
def sealed(rebels: Rebels, partners: Partners) -> list[AuditSeal]:
    """The rebels' chain, with those of the partners and of the operator beside it."""
    record(None)
    seal_events()
    return chain(rebels.organization)


@pytest.mark.both_databases
def test_each_organization_has_a_chain_of_all_its_events(
    rebels: Rebels, partners: Partners, sealed: list[AuditSeal]
) -> None:
    assert not AuditEvent.objects.unsealed().exists()
    for organization in (rebels.organization, partners.organization):
        links = chain(organization)
        assert [link.position for link in links] == list(range(1, len(links) + 1))
        events = AuditEvent.objects.filter(organization=organization).order_by("pk")
        assert [link.event for link in links] == list(events)
    assert AuditSeal.objects.get(chain=OPERATOR).position == 1
    output = verify()
    for name in ("Operator: 1 events", f"Rebel Alliance: {len(sealed)} events"):
        assert f"{name} verified." in output
    assert f"Head: {sealed[-1]}" in output
    assert "Not sealed yet" not in output


def test_the_hash_is_what_the_documentation_says(sealed: list[AuditSeal]) -> None:
    """Written down once more, without our functions."""
    previous = hashlib.sha256(f"audit chain 1\n{sealed[0].chain}".encode()).hexdigest()
    for link in sealed:
        event = json.dumps(link.event.document, sort_keys=True, separators=(",", ":"))
        text = f"{previous}\n{link.position}\n{event}"
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert link.hash == previous


def test_sealing_again_seals_only_what_is_new(rebels: Rebels, sealed: list[AuditSeal]) -> None:
    assert seal_events() == 0
    record(rebels.organization)
    assert seal_events() == 1
    assert chain(rebels.organization)[:-1] == sealed
    verify()


@pytest.mark.both_databases
def test_an_event_that_commits_late_is_sealed_next(rebels: Rebels) -> None:
    """Its number is lower than some that are sealed: it was given before, and seen after."""
    late, early = record(rebels.organization), record(rebels.organization)
    waiting = list(AuditEvent.objects.exclude(pk=late.pk).order_by("pk"))
    seal_batch(waiting, {}, at=timezone.now())
    assert seal_events() == 1
    links = chain(rebels.organization)
    assert [link.event for link in links[-2:]] == [early, late]
    verify()


@pytest.mark.both_databases
def test_only_the_numbers_of_the_last_day_are_looked_through(rebels: Rebels) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    late = record(rebels.organization)
    rest = list(AuditEvent.objects.exclude(pk=late.pk).order_by("pk"))
    record(rebels.organization)
    seal_batch(rest, {}, at=now - timedelta(days=3))
    seal_batch([AuditEvent.objects.latest("pk")], {}, at=now - timedelta(days=2))
    # The first time on a day everything is.
    assert list(unsealed_events(at=now)) == [late]
    today = record(rebels.organization)
    seal_batch([today], {}, at=now)
    assert list(unsealed_events(at=now)) == []
    assert list(unsealed_events(at=now + timedelta(days=1))) == [late]


@pytest.mark.both_databases
def test_nothing_is_sealed_twice(rebels: Rebels) -> None:
    events = list(AuditEvent.objects.order_by("pk"))
    seal_batch(events, {}, at=timezone.now())
    with pytest.raises(IntegrityError):
        seal_batch(events[:1], {}, at=timezone.now())


@pytest.mark.both_databases
def test_one_run_seals_in_batches_and_leaves_the_rest(
    rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "SEALED_AT_ONCE", 2)
    monkeypatch.setattr(seals, "MAX_BATCHES", 2)
    total = AuditEvent.objects.count()
    assert seal_events() == 4
    assert unsealed_events().count() == total - 4
    monkeypatch.setattr(seals, "MAX_BATCHES", 100)
    assert seal_events() == total - 4
    verify()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once(
    rebels: Rebels, partners: Partners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "SEALED_AT_ONCE", 3)
    with shared_database(tmp_path):
        total = AuditEvent.objects.count()
        answers = at_once(seal_events, seal_events, seal_events)
        assert all(isinstance(answer, int) for answer in answers)
        seal_events()
        assert AuditSeal.objects.count() == total
        verify()


def test_tick_seals_and_says_how_many(rebels: Rebels) -> None:
    total, output = AuditEvent.objects.count(), StringIO()
    call_command("tick", "--dry-run", stdout=output)
    assert f"Audit events: {total} due." in output.getvalue()
    assert not AuditSeal.objects.exists()
    call_command("tick", stdout=output)
    assert f"Audit events: {total} sealed." in output.getvalue()


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "change",
    [
        {"actor_label": "nobody@rebels.example"},
        {"details": {}},
        {"kind": AuditKind.POLICY_UPDATED},
        {"ip": "198.51.100.7"},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"user_agent": ""},
        {"request_id": ""},
        {"target_label": ""},
        {"actor": None},
    ],
    ids=str,
)
def test_a_changed_event_is_named(sealed: list[AuditSeal], change: dict[str, Any]) -> None:
    event = sealed[2].event
    with tampering():
        EVENTS.filter(pk=event.pk).update(**change)
    output = refusal()
    assert "Rebel Alliance: 2 events verified." in output
    assert f"BROKEN: Event {event.pk} at position 3 (" in output
    assert "was changed after it was sealed." in output
    assert "Broken chains: 1 of 3." in output


def test_an_event_that_changed_its_organization_is_named(
    partners: Partners, sealed: list[AuditSeal]
) -> None:
    event = sealed[2].event
    with tampering():
        EVENTS.filter(pk=event.pk).update(organization=partners.organization)
    assert f"Event {event.pk} at position 3" in refusal()


@pytest.mark.both_databases
def test_a_removed_event_is_named(sealed: list[AuditSeal]) -> None:
    with tampering():
        EVENTS.filter(pk=sealed[2].event_id).delete()
    assert f"Event {sealed[2].event_id} at position 3 was removed." in refusal()


def test_a_removed_seal_is_named(sealed: list[AuditSeal]) -> None:
    with tampering():
        SEALS.filter(pk=sealed[2].pk).delete()
    output = refusal()
    assert "The seal at position 3 was removed." in output
    assert "Not sealed yet: 1" in output


def test_a_changed_seal_is_told_from_a_changed_event(sealed: list[AuditSeal]) -> None:
    with tampering():
        SEALS.filter(pk=sealed[2].pk).update(hash="0" * 64)
    output = refusal()
    assert f"The seal of Event {sealed[2].event_id} at position 3" in output
    assert "but the event wasn't" in output


def test_events_that_changed_places_are_named(sealed: list[AuditSeal]) -> None:
    first, second = sealed[2], sealed[3]
    with tampering():
        SEALS.filter(pk=first.pk).update(event=-1)
        SEALS.filter(pk=second.pk).update(event=first.event_id)
        SEALS.filter(pk=first.pk).update(event=second.event_id)
    assert f"Event {second.event_id} at position 3" in refusal()


def test_a_seal_of_an_invented_chain_is_named(sealed: list[AuditSeal]) -> None:
    with tampering():
        SEALS.filter(pk=sealed[-1].pk).update(chain="invented")
    output = refusal()
    assert "invented: 0 events verified." in output
    assert "The seal at position 1 was removed." in output


def test_an_event_put_in_between_is_named(rebels: Rebels, sealed: list[AuditSeal]) -> None:
    """An inserted event moves the events after it, so their hashes no longer match."""
    forged = record(rebels.organization)
    with tampering():
        for link in reversed(sealed[2:]):
            SEALS.filter(pk=link.pk).update(position=link.position + 1)
    AuditSeal.objects.create(chain=sealed[0].chain, position=3, event=forged, hash=sealed[2].hash)
    assert f"Event {forged.pk} at position 3" in refusal()


def test_a_tail_that_was_cut_off_needs_the_noted_head(sealed: list[AuditSeal]) -> None:
    head, tail = str(sealed[-1]), sealed[-2:]
    verify("--expect", head)
    with tampering():
        SEALS.filter(pk__in=[link.pk for link in tail]).delete()
        EVENTS.filter(pk__in=[link.event_id for link in tail]).delete()
    verify()  # nothing is left that could tell
    assert f"ends at position {len(sealed) - 2}" in refusal("--expect", head)


def test_a_chain_that_was_made_anew_is_not_the_noted_one(sealed: list[AuditSeal]) -> None:
    noted = str(sealed[3])
    with tampering():
        EVENTS.filter(pk=sealed[2].event_id).update(actor_label="nobody")
        SEALS.all().delete()
    seal_events()
    verify()
    assert "The hash at position 4 doesn't match the head that you noted." in refusal(
        "--expect", noted
    )


def test_the_unsealed_tail_is_told(
    rebels: Rebels, partners: Partners, sealed: list[AuditSeal]
) -> None:
    late = record(rebels.organization)
    expected = f"Not sealed yet: 1, the oldest from {in_words(late.at)}."
    assert expected in verify("--organization", "Rebel Alliance")
    assert "Rebel" not in verify(
        "--organization", str(Organization.objects.get(name="Cloud City Partners").pk)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--organization", "Nobody"], "No organization has this name or ID"),
        (["--expect", "nonsense"], "nonsense isn't a head"),
        (["--expect", f"operator:0:{'0' * 64}"], "isn't a head"),
        (["--expect", f"gone:1:{'0' * 64}"], "which doesn't exist here"),
        (["--file", "/nowhere.jsonl"], "Can't read"),
    ],
    ids=str,
)
def test_what_the_command_refuses(db: None, arguments: list[str], message: str) -> None:
    assert message in refusal(*arguments)


@pytest.mark.both_databases
def test_batches_join(sealed: list[AuditSeal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.reports.audit_chains.VERIFIED_AT_ONCE", 2)
    assert f"Rebel Alliance: {len(sealed)} events verified." in verify()


# The canonical form


@pytest.mark.both_databases
def test_the_canonical_form_is_the_same_everywhere(rebels: Rebels) -> None:
    """What PostgreSQL and SQLite keep of JSON, and how they tell times and addresses."""
    details = {
        "b": 1.0,
        "a": [1e22, 0.1, -0.0, 1e-7, True, None, "Zürich \U0001f511"],
        "from_at": datetime(2026, 1, 11, 10, 40, tzinfo=UTC),
        "nested": {"z": 1, "y": {"x": []}},
    }
    event = record(rebels.organization, **details)
    event.refresh_from_db()
    event.id, event.organization_id, event.target_id = 7, None, "t"
    event.at = datetime(2026, 1, 11, 11, 40, tzinfo=UTC)
    event.ip = "2001:DB8::1"
    assert canonical(event.document) == (
        '{"actor":null,"actor_label":"Operator","at":"2026-01-11T11:40:00.000000Z",'
        '"details":{"a":[10000000000000000000000,0.1,0,1e-07,true,null,'
        '"Z\\u00fcrich \\ud83d\\udd11"],"b":1,"from_at":"2026-01-11T10:40:00Z",'
        '"nested":{"y":{"x":[]},"z":1}},"id":7,'
        '"ip":"2001:db8::1","kind":"policy.updated","organization":null,"request_id":"tests",'
        '"target_id":"t","target_label":"Rebel Alliance","target_type":"organization",'
        '"user_agent":"tests"}'
    )


def test_addresses_have_one_spelling() -> None:
    assert address("::FFFF:192.0.2.1") == address("::ffff:c000:201") == "::ffff:192.0.2.1"
    assert (address("192.0.2.1"), address(None), address("")) == ("192.0.2.1", None, None)


def test_no_link_fits_into_another_chain() -> None:
    assert genesis("a") != genesis("b")
    assert link_hash(genesis("a"), 1, {}) != link_hash(genesis("a"), 2, {})


# Exports


Lines = list[dict[str, Any]]


@pytest.fixture
def export(sealed: list[AuditSeal], rebels: Rebels, sign_in: SignIn) -> Callable[..., Lines]:
    def exported(query: str = "") -> Lines:
        browser: Browser = sign_in(rebels.c3po)
        response = browser.post(reverse("accounts:export_audit_log") + query, {"format": "jsonl"})
        return [json.loads(line) for line in response.getvalue().decode().splitlines()]

    return exported


def written(lines: Lines) -> list[str]:
    return [json.dumps(line) for line in lines]


def test_a_whole_export_is_proved_from_the_file_alone(
    export: Callable[..., Lines], sealed: list[AuditSeal], tmp_path: Path
) -> None:
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(written(export())))
    with CaptureQueriesContext(connection) as queries:
        output = verify("--file", str(file), "--expect", str(sealed[-1]))
    assert len(queries) == 0
    assert "This is the whole chain. Nothing was changed, removed or added." in output
    assert "Not sealed when exported, so not verified: 1." in output
    assert f"Head: {sealed[-1]}" in output


def test_the_order_of_the_lines_does_not_matter(export: Callable[..., Lines]) -> None:
    first, *rest = export()
    assert verify_lines(written([first, *reversed(rest)])).problem == ""


Change = Callable[[Lines], Any]


def change_event(lines: Lines) -> None:
    lines[3]["event"]["actor_label"] = "nobody"


def change_organization(lines: Lines) -> None:
    lines[3]["event"]["organization"] = None


def repeat(lines: Lines) -> None:
    lines.append(lines[3])


def change_seal(lines: Lines) -> None:
    lines[3]["seal"]["hash"] = "0" * 64


def relink(lines: Lines) -> None:
    """A changed event with a hash that fits it."""
    seal = lines[3]["seal"]
    lines[3]["event"]["actor_label"] = "nobody"
    seal["hash"] = link_hash(seal["previous"], seal["position"], lines[3]["event"])


def cut(lines: Lines) -> None:
    del lines[-3:]


def behead(lines: Lines) -> None:
    del lines[0]


def garble(lines: Lines) -> None:
    lines[3] = {"event": 1, "seal": 2}


def garble_position(lines: Lines) -> None:
    lines[3]["seal"]["position"] = "3"


def garble_head(lines: Lines) -> None:
    lines[0]["export"]["head"] = {"position": "x"}


def join_another(lines: Lines) -> None:
    lines.extend(lines[:2])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (change_event, "at position 3 was changed after it was sealed."),
        (change_organization, "belongs to another chain."),
        (repeat, "Position 3 appears twice."),
        (change_seal, "at position 3 was changed after it was sealed."),
        (relink, "The event at position 4 doesn't follow the one before it."),
        (cut, "you noted a head at"),
        (behead, "Line 1 isn't a line of an export."),
        (garble, "Line 4 isn't a line of an export."),
        (garble_position, "Line 4 isn't a line of an export."),
        (garble_head, "Line 1 isn't a line of an export."),
        (join_another, "isn't a line of an export."),
        (lambda lines: lines.pop(3), "The event at position 3 is missing."),
    ],
)
def test_a_changed_export_is_named(
    export: Callable[..., Lines], change: Change, problem: str, tmp_path: Path
) -> None:
    lines = export()
    change(lines)
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(written(lines)))
    output = refusal("--file", str(file))
    assert problem in output
    assert "The export doesn't match the seals." in output


def test_what_is_no_export_is_said(db: None, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    file.write_text("at,who\n[1]\n")
    assert "Line 1 isn't a line of an export." in refusal("--file", str(file))
    file.write_bytes(b"\xff\xfe\xff")
    assert "Can't read" in refusal("--file", str(file))


def test_a_filtered_export_proves_less_and_says_so(
    export: Callable[..., Lines], tmp_path: Path
) -> None:
    lines = export("?person=luke")
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(written(lines)))
    assert "A filtered export can't show that no event is missing" in verify("--file", str(file))
    change_event(lines)
    file.write_text("\n".join(written(lines)))
    assert "was changed after it was sealed." in refusal("--file", str(file))


def test_a_head_that_was_not_reached_is_said(
    export: Callable[..., Lines], sealed: list[AuditSeal]
) -> None:
    beyond = Head(sealed[0].chain, len(sealed) + 5, "0" * 64)
    assert "you noted a head at" in verify_lines(written(export()), [beyond]).problem
    other = Head(sealed[0].chain, 2, "0" * 64)
    assert (
        "at position 2 doesn't match the head that you noted"
        in verify_lines(written(export()), [other]).problem
    )
