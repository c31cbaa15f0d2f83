"""How the audit triggers stand aside when Django empties the test database."""

from importlib import import_module

_migration = import_module("accounts.migrations.0002_audit_append_only")
TABLE: str = _migration.TABLE


def stand_aside(vendor: str) -> tuple[list[str], list[str]]:
    """The statements before and after a flush."""
    if vendor == "sqlite":
        drop = [f"DROP TRIGGER {TABLE}_no_{operation}" for operation in ("update", "delete")]
        return drop, list(_migration.SQLITE)
    return (
        [f"ALTER TABLE {TABLE} DISABLE TRIGGER USER"],
        [f"ALTER TABLE {TABLE} ENABLE TRIGGER USER"],
    )
