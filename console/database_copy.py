"""Copies every row from one database to another, which can be of another kind.

Django's dumpdata would cut times to milliseconds, and the hashes of the audit log would not match.
"""

from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

# `migrate` creates these rows, and no other row refers to them.
_MADE_BY_MIGRATE = (ContentType, Permission)


class Mismatch(Exception):
    """The databases don't fit, and the message says why."""


def copy_everything(source: str, target: str) -> Iterator[tuple[str, int]]:
    """Copies all rows in one transaction, and yields each table with its number of rows."""
    _require_same_migrations(source, target)
    with transaction.atomic(using=target):
        models = copied_models()
        _require_empty(models, target)
        for model in models:
            yield model._meta.db_table, _copy(model, source, target)
        _reset_sequences(models, target)


def copied_models() -> list[type[Model]]:
    found = apps.get_models(include_auto_created=True)
    return [
        model
        for model in found
        if model._meta.managed and not model._meta.proxy and model not in _MADE_BY_MIGRATE
    ]


def _require_same_migrations(source: str, target: str) -> None:
    there, here = (
        set(MigrationRecorder(connections[alias]).applied_migrations())
        for alias in (source, target)
    )
    if there != here:
        raise Mismatch("Both databases need the same version: run migrate of this version on both.")


def _require_empty(models: list[type[Model]], target: str) -> None:
    for model in models:
        if model._base_manager.using(target).exists():
            raise Mismatch(f"The database already has rows, for example in {model._meta.db_table}.")


def _copy(model: type[Model], source: str, target: str) -> int:
    count = 0
    # In the order of the keys, so that rows with the same time keep their order.
    for row in model._base_manager.using(source).order_by("pk"):
        # As it is: without defaults, without signals that act on it, and with its key.
        row.save_base(raw=True, using=target, force_insert=True)
        count += 1
    return count


def _reset_sequences(models: list[type[Model]], target: str) -> None:
    connection = connections[target]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
