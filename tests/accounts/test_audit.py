from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.audit import changes, record
from accounts.models import AuditEvent, AuditKind
from accounts.models.audit import kinds_by_subject
from core.origin import Origin
from tests import cast
from tests.conftest import Rebels

pytestmark = pytest.mark.both_databases


@pytest.fixture
def event(rebels: Rebels) -> AuditEvent:
    return record(
        AuditKind.USER_UPDATED,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
        target=rebels.luke.user,
        changes={"first_name": ["Luke", "Wormie"], "is_active": [True, False]},
        via="the tests",
    )


def test_event_says_who_what_on_what_and_from_where(rebels: Rebels, event: AuditEvent) -> None:
    event.refresh_from_db()
    assert (event.actor, event.actor_label) == (rebels.leia.user, "leia@rebels.example")
    assert (event.target_type, event.target_id) == ("user", str(rebels.luke.user.pk))
    assert (event.target_label, event.organization) == (
        "luke@rebels.example",
        rebels.organization,
    )
    assert (event.ip, event.user_agent, event.request_id) == ("192.0.2.1", "tests", "tests")
    # PostgreSQL does not keep the order of keys.
    assert set(event.lines) == {
        "First name: Luke → Wormie",
        "Is active: yes → no",
        "Via: the tests",
    }
    assert AuditEvent.objects.about("user", rebels.luke.user.pk).first() == event


def test_command_is_the_operator(rebels: Rebels) -> None:
    event = record(
        AuditKind.USER_UPDATED,
        actor=None,
        origin=Origin.command("mend"),
        target=rebels.luke.user,
    )
    assert (event.actor, event.actor_label) == (None, "Operator")
    assert event.user_agent == "manage.py mend"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET actor_label = 'nobody'",
        "UPDATE accounts_auditevent SET details = '{}' WHERE id = %s",
        "DELETE FROM accounts_auditevent",
        "DELETE FROM accounts_auditevent WHERE id = %s",
    ],
)
def test_database_refuses_changes(statement: str, event: AuditEvent) -> None:
    parameters: list[Any] = [event.pk] if "%s" in statement else []
    before = AuditEvent.objects.count()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
    assert AuditEvent.objects.count() == before
    assert AuditEvent.objects.get(pk=event.pk).actor_label == "leia@rebels.example"


def test_database_refuses_truncation(event: AuditEvent) -> None:
    if connection.vendor == "sqlite":
        return  # SQLite has no TRUNCATE.
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE accounts_auditevent")


def test_models_refuse_changes(event: AuditEvent) -> None:
    with pytest.raises(TypeError, match="append-only"):
        AuditEvent.objects.all().update(actor_label="nobody")
    with pytest.raises(TypeError, match="append-only"):
        AuditEvent.objects.all().delete()
    event.actor_label = "nobody"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.delete()


def test_changes() -> None:
    assert changes({"a": 1, "b": 2}, {"a": 1, "b": 3}) == {"b": [2, 3]}


@pytest.mark.parametrize("kind", AuditKind.values)
def test_every_kind_has_an_icon_and_words(kind: str) -> None:
    event = AuditEvent(kind=kind)
    assert event.icon
    assert event.get_kind_display() != kind


def test_every_kind_that_an_organization_sees_can_be_filtered_by() -> None:
    offered = [kind for _, kinds in kinds_by_subject() for kind, _ in kinds]
    operators = {kind.value for kind in AuditKind if kind.startswith(("operator.", "signing_key."))}
    assert len(offered) == len(set(offered))
    assert set(offered) == set(AuditKind.values) - operators


@pytest.mark.parametrize(
    ("kind", "actor", "target", "sentence"),
    [
        ("membership.created", "leia", "leia", "leia joined the organization"),
        ("membership.created", "leia", "luke", "leia added luke"),
        ("user.updated", "luke", "luke", "luke changed their own profile"),
        ("user.updated", "leia", "luke", "leia changed the profile of luke"),
        ("invitation.accepted", "luke", "luke", "luke accepted the invitation"),
        (
            "access.requested",
            "wedge",
            "access request from wedge",
            "wedge requested console access",
        ),
        ("user.new_device", "luke", "luke", "luke signed in from a new browser"),
        ("access.granted", "leia", "wedge", "leia granted console access to wedge"),
    ],
)
def test_an_event_reads_as_a_sentence(kind: str, actor: str, target: str, sentence: str) -> None:
    assert str(AuditEvent(kind=kind, actor_label=actor, target_label=target)) == sentence
