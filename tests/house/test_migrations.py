"""Models and migrations agree, and the audit log is append-only in the database itself."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts.models import AuditEvent, AuditKind
from tests.conftest import Rebels

TABLE = AuditEvent._meta.db_table
TRIGGERS = {
    "sqlite": {f"{TABLE}_no_update", f"{TABLE}_no_delete"},
    "postgresql": {f"{TABLE}_append_only"},
}
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


@pytest.mark.django_db
def test_audit_triggers_exist() -> None:
    """SQLite drops a table's triggers, without a word, when a migration rebuilds the table."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES[connection.vendor], [TABLE])
        found = {name for (name,) in cursor.fetchall()}
    assert found == TRIGGERS[connection.vendor]


@pytest.mark.parametrize("statement", ["UPDATE {} SET actor_label = 'nobody'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_audit_events(statement: str, rebels: Rebels) -> None:
    before = AuditEvent.objects.count()
    assert before
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(TABLE))
    assert AuditEvent.objects.count() == before


def test_the_orm_refuses_as_well(rebels: Rebels) -> None:
    with pytest.raises(TypeError):
        AuditEvent.objects.update(kind=AuditKind.USER_UPDATED)
    with pytest.raises(TypeError):
        AuditEvent.objects.all().delete()
