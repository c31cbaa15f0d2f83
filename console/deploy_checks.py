"""What `manage.py check --deploy` says about an installation, beside Django's own checks."""

from typing import Any

from django.core import checks
from django.db import DatabaseError, InterfaceError, connection

from accounts.models import AuditEvent

# True for superusers as well. A table that doesn't exist has no owner.
_OWNS_TABLE = """
    SELECT current_user FROM pg_class
    WHERE oid = to_regclass(%s) AND pg_has_role(current_user, relowner, 'MEMBER')
"""


@checks.register(checks.Tags.security, deploy=True)
def database_role(**_: Any) -> list[checks.CheckMessage]:
    """Whether the console could change its tables, and so its audit log."""
    if connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(_OWNS_TABLE, [AuditEvent._meta.db_table])
            owner = cursor.fetchone()
    except (DatabaseError, InterfaceError):
        # `/healthz/ready` reports this.
        return []
    if owner is None:
        return []
    return [
        checks.Warning(
            f"The console connects to the database as {owner[0]}, which owns its tables.",
            hint="Create a role with fewer rights with bin/database-roles.sql, and put it into "
            "DATABASE_URL. Only `migrate` needs the owner.",
            id="console.W001",
        )
    ]
