"""Triggers that refuse to change or remove the seals of audit events, as 0002 has them for events.

SQLite drops a table's triggers when a later migration rebuilds it: whoever changes `AuditSeal`
adds a migration that calls `create_triggers` again. tests/house asserts that they are there.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLE = "accounts_auditseal"

SQLITE = [
    f"""CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{operation.lower()}
        BEFORE {operation} ON {TABLE}
        BEGIN SELECT RAISE(ABORT, 'audit seals are append-only'); END"""
    for operation in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    """CREATE OR REPLACE FUNCTION refuse_audit_seal_change() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'audit seals are append-only'; END $$""",
    f"""CREATE OR REPLACE TRIGGER {TABLE}_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_seal_change()""",
]


def create_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for operation in ("update", "delete"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_no_{operation}")
    else:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_append_only ON {TABLE}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_audit_seals")]
    operations = [migrations.RunPython(create_triggers, drop_triggers)]
