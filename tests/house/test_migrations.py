"""Models and migrations agree, and the audit log is append-only in the database itself."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts.actions.seals import seal_events
from accounts.models import AuditEvent, AuditKind, AuditSeal
from tests.append_only import TABLES
from tests.conftest import Rebels

pytestmark = pytest.mark.both_databases

TRIGGERS = {"sqlite": {"{}_no_update", "{}_no_delete"}, "postgresql": {"{}_append_only"}}
QUERIES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    "postgresql": (
        "SELECT tgname FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgenabled = 'O' AND tgrelid = %s::regclass"
    ),
}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_append_only_tables_are_those_of_the_models() -> None:
    assert [AuditEvent._meta.db_table, AuditSeal._meta.db_table] == TABLES


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_audit_triggers_exist(table: str) -> None:
    """SQLite silently drops a table's triggers when a migration rebuilds the table."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES[connection.vendor], [table])
        found = {name for (name,) in cursor.fetchall()}
    assert found == {name.format(table) for name in TRIGGERS[connection.vendor]}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id + 1000000", "DELETE FROM {}"])
def test_the_database_refuses_to_change_audit_events_and_seals(
    statement: str, table: str, rebels: Rebels
) -> None:
    seal_events()
    before = list(AuditSeal.objects.order_by("pk").values_list("pk", "event__pk"))
    assert before
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
    assert list(AuditSeal.objects.order_by("pk").values_list("pk", "event__pk")) == before


def test_the_orm_refuses_to_change_audit_events_and_seals(rebels: Rebels) -> None:
    with pytest.raises(TypeError):
        AuditEvent.objects.update(kind=AuditKind.USER_UPDATED)
    with pytest.raises(TypeError):
        AuditEvent.objects.all().delete()
    with pytest.raises(TypeError):
        AuditSeal.objects.update(position=1)
    with pytest.raises(TypeError):
        AuditSeal.objects.all().delete()
