"""Only the owner of the append-only tables keeps the rights that their triggers refuse anyway.

bin/database-roles.sql gives the application's role rights on tables that don't exist yet, so these
two have to lose some when they are created.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("accounts_auditevent", "accounts_auditseal")

# Grantee 0 is PUBLIC.
REVOKE = """
DO $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END
        FROM pg_class, aclexplode(relacl) AS held
        WHERE oid = '{table}'::regclass AND held.grantee <> relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM %s', grantee);
    END LOOP;
END $$
"""


def revoke_changes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(REVOKE.format(table=table), params=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_user_roles_of_the_platform")]
    operations = [migrations.RunPython(revoke_changes, migrations.RunPython.noop)]
