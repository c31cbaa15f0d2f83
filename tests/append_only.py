"""Disables the triggers of the append-only tables for a test that needs it."""

from importlib import import_module

# In the order of the migrations that made the triggers.
_MIGRATIONS = [
    import_module(f"accounts.migrations.{name}")
    for name in ("0002_audit_append_only", "0008_seals_append_only")
]
TABLES: list[str] = [migration.TABLE for migration in _MIGRATIONS]


def without_triggers(vendor: str) -> tuple[list[str], list[str]]:
    """The statements that disable the triggers, and those that restore them."""
    if vendor == "sqlite":
        drop = [
            f"DROP TRIGGER {table}_no_{operation}"
            for table in TABLES
            for operation in ("update", "delete")
        ]
        return drop, [statement for migration in _MIGRATIONS for statement in migration.SQLITE]
    return (
        [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TABLES],
        [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in TABLES],
    )
