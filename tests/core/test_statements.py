"""How the statements of the hot paths use Django's connection."""

import gc
import threading
import weakref
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, OperationalError, connection, connections, transaction

from accounts.models import Organization
from core.postgresql import statements
from core.postgresql.statements import Columns, JoinedSelect
from credentials.models import Policy, SigningKey

pytestmark = pytest.mark.both_databases

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite is a file, whose connection is never lost"
)
BY_ID = "SELECT name FROM accounts_organization WHERE id = %s"


def rename(organization: Organization, name: str) -> None:
    sql = "UPDATE accounts_organization SET name = %s WHERE id = %s RETURNING name"
    assert statements.write(sql, [name, organization.pk]) is not None


def close_behind_its_back() -> None:
    connection.ensure_connection()
    connection.connection.close()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_write_is_never_repeated_after_a_lost_connection() -> None:
    """The server might have written before the connection was lost."""
    organization = Organization.objects.create(name="Rebels")
    close_behind_its_back()
    with pytest.raises(OperationalError):
        rename(organization, "Empire")
    connection.close()
    organization.refresh_from_db()
    assert organization.name == "Rebels"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_read_in_a_transaction_that_is_lost_fails() -> None:
    def read() -> None:
        with transaction.atomic():
            close_behind_its_back()
            statements.read(BY_ID, [uuid4()])

    with pytest.raises(OperationalError):
        read()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_lost_transaction_is_reported_to_code_that_commits_itself() -> None:
    transaction.set_autocommit(False)
    try:
        Organization.objects.create(name="Rebels")
        close_behind_its_back()
        with pytest.raises(OperationalError):
            statements.read(BY_ID, [uuid4()])
    finally:
        connection.close()


@pytest.mark.django_db
def test_in_a_broken_transaction_nothing_runs() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            statements.read(BY_ID, [uuid4()])


@pytest.mark.django_db(transaction=True)
def test_a_rollback_undoes_the_first_statement_of_a_transaction() -> None:
    organization = Organization.objects.create(name="Rebels")
    with transaction.atomic():
        rename(organization, "Empire")
        transaction.set_rollback(True)
    organization.refresh_from_db()
    assert organization.name == "Rebels"


@pytest.mark.django_db
def test_a_savepoint_undoes_what_came_after_it() -> None:
    organization = Organization.objects.create(name="Rebels")
    with transaction.atomic():
        rename(organization, "Alliance")
        with transaction.atomic():
            rename(organization, "Empire")
            transaction.set_rollback(True)
    organization.refresh_from_db()
    assert organization.name == "Alliance"


@on_postgresql
@pytest.mark.django_db
def test_errors_are_those_of_django() -> None:
    with pytest.raises(DataError), transaction.atomic():
        statements.read("SELECT %s::text", ["\x00"])
    with pytest.raises(DataError), transaction.atomic():
        statements.read("SELECT 1 / %s::int", [0])


@on_postgresql
def test_a_plan_keeps_no_connection_of_the_thread_that_made_it() -> None:
    """Otherwise the connection would stay open after its thread ended."""
    joined = JoinedSelect("{key}", {"key": Columns(SigningKey, ("kid", "public_jwk"))})
    made: list[weakref.ref[Any]] = []

    def plan() -> None:
        made.append(weakref.ref(connections["default"]))
        assert "public_jwk" in joined.sql

    thread = threading.Thread(target=plan)
    thread.start()
    thread.join()
    gc.collect()
    assert [one() for one in made] == [None]


@pytest.mark.django_db
def test_a_value_changed_by_one_request_does_not_reach_the_next() -> None:
    organization = Organization.objects.create(name="Rebels")
    Policy.objects.create(
        organization=organization, environment="sandbox", allowed_networks=["192.0.2.0/24"]
    )
    policies = JoinedSelect(
        "{policy} WHERE policy.organization_id = %s",
        {"policy": Columns(Policy, ("id", "allowed_networks", "all_apps_allowed"))},
    )

    def read() -> Policy:
        found = policies.first([organization.pk])
        assert found is not None
        policy: Policy = found["policy"]
        return policy

    first = read()
    with pytest.raises(AttributeError, match="append"):
        first.allowed_networks.append("0.0.0.0/0")
    first.allowed_networks, first.all_apps_allowed = [], False
    assert (read().allowed_networks, read().all_apps_allowed) == (("192.0.2.0/24",), True)
