"""The data of the API benchmark: an organization, its apps, and any number of credentials.

Actions create one of each, and the database copies these rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from django.db.models import AutoField, Model
from psycopg import sql

from accounts.actions.organizations import create_organization
from accounts.environments import Environment
from accounts.roles import ConsoleRole
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Client, ExchangeUsage, JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose
from tests import cast as people
from tests.api import App

SANDBOX = Environment.SANDBOX
# How many credentials each person owns.
EACH = 10


@dataclass(frozen=True)
class Seeded:
    app: App
    refreshing: App
    """Issues refresh tokens."""
    template: JwtCredential
    credential_key: SigningKey
    access_token_key: SigningKey

    def jwts(self, database: psycopg.Connection, count: int) -> list[str]:
        """The JWTs of `count` credentials, spread over all of that database."""
        columns = ("id", "extension_id", "issuer", "issued_at", "expires_at")
        rows = database.execute(
            f"SELECT {', '.join(columns)} FROM credentials_jwtcredential "  # noqa: S608
            "ORDER BY id LIMIT %s",
            [count],
        )
        return [
            JwtCredential(
                **dict(zip(columns, row, strict=True)), signing_key=self.credential_key
            ).encode()
            for row in rows
        ]


def seed(organization: str = "Benchmark") -> Seeded:
    """The first credential, its owner and two apps."""
    owner = people.join(
        create_organization(organization, actor=None, origin=people.ORIGIN),
        "owner@benchmark.example",
        ConsoleRole.DEVELOPER,
    )
    apps = [
        people.application(owner, name, scopes=["ReadAccounts"], issues_refresh_tokens=refreshes)
        for name, refreshes in (("Exchange", False), ("Refresh", True))
    ]
    app, refreshing = (App(application, *people.client(application)) for application in apps)
    return Seeded(
        app,
        refreshing,
        people.credential(owner),
        current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL),
        current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN),
    )


def multiply(database: psycopg.Connection, seeded: Seeded, credentials: int) -> None:
    """Copies the person and the credential until there are enough, and analyzes the tables."""
    extension = seeded.template.extension
    owners = max(1, credentials // EACH)
    # The number decides which person and which login.
    person = "md5('person ' || n)::uuid"
    login = "200000000000000 + n"
    _copies(
        database,
        extension.user,
        owners,
        id=person,
        email="'person' || n || '@benchmark.example'",
    )
    _copies(database, extension.user.membership, owners, user_id=person)
    _copies(database, extension, owners, id=login, user_id=person, extension_number="100000 + n")
    _copies(
        database,
        seeded.template,
        credentials,
        # Credential IDs are random, and so is their place in the indexes.
        id="gen_random_uuid()",
        submission_key="gen_random_uuid()",
        extension_id=f"200000000000000 + 1 + n % {owners}",
        created_by_id=f"md5('person ' || (1 + n % {owners}))::uuid",
    )
    database.execute("ANALYZE")


def _copies(database: psycopg.Connection, row: Model, count: int, **expressions: str) -> None:
    """Inserts copies 1 to `count`. By attribute, `expressions` of `n` say how they differ."""
    columns = {
        field.attname: str(field.column)
        for field in row._meta.concrete_fields
        if not isinstance(field, AutoField) and not field.generated
    }
    values = [
        sql.SQL(expressions[name]) if name in expressions else sql.Identifier("template", column)
        for name, column in columns.items()
    ]
    database.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {values} "
            "FROM {table} template, generate_series(1, {count}) n WHERE template.{key} = {value}"
        ).format(
            table=sql.Identifier(row._meta.db_table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns.values())),
            values=sql.SQL(", ").join(values),
            count=count,
            key=sql.Identifier(str(row._meta.pk.column)),
            value=row.pk,
        )
    )


def add_usage(database: psycopg.Connection, client: Client, rows: int) -> None:
    """Adds `rows` rows for the last days, on each of which every credential was exchanged."""
    # The indexes are created afterwards, because inserting random keys would take ten times longer.
    table = ExchangeUsage._meta.db_table
    found = database.execute(
        "SELECT conname, pg_get_constraintdef(oid), contype FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f')",
        [table],
    ).fetchall()
    # Foreign keys first, because they keep the indexes that they refer to from being dropped.
    constraints = sorted(found, key=lambda row: row[2] != "f")
    indexes = database.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT EXISTS "
        "(SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    ).fetchall()
    _each(database, [f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for name, *_ in constraints])
    _each(database, [f"DROP INDEX {name}" for name, _definition in indexes])
    (credentials,) = database.execute(
        "SELECT count(*) FROM credentials_jwtcredential"
    ).fetchone() or (0,)
    days = -(-rows // credentials)
    database.execute(
        f"INSERT INTO {table} (credential_id, client_id, day, exchanges, last_at) "  # noqa: S608
        "SELECT id, %s, current_date - days, 1, now() FROM credentials_jwtcredential, "
        "generate_series(1, %s) days LIMIT %s",
        [client.pk, days, rows],
    )
    database.execute("SET maintenance_work_mem = '1GB'")
    for name, definition, _kind in reversed(constraints):
        database.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    _each(database, [definition for _name, definition in indexes])
    database.execute(f"VACUUM ANALYZE {table}")


def _each(database: psycopg.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        database.execute(statement)
