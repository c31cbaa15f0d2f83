"""Every row moves to a database of another kind as it is, so that audit chains stay valid."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.serializers import serialize
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder

from accounts.actions.seals import seal_events
from accounts.models import AuditEvent
from console.database_copy import Mismatch, copied_models, copy_everything
from tests import cast
from tests.conftest import Rebels

TARGET = "copy"


@pytest.fixture
def target(db: None, tmp_path: Path) -> Iterator[str]:
    """An SQLite database with all tables, and with the migrations of this version."""
    connections.settings[TARGET] = connections.settings[DEFAULT_DB_ALIAS] | {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "copy.sqlite3"),
        "OPTIONS": {},
    }
    # Tests forbid databases other than theirs to connect when they are first used.
    connections[TARGET].connect()
    with connections[TARGET].schema_editor() as editor:
        for model in apps.get_models():
            editor.create_model(model)
    yield TARGET
    connections[TARGET].close()
    del connections[TARGET]
    del connections.settings[TARGET]


def test_a_copy_has_the_same_rows_with_the_same_keys_and_times(rebels: Rebels, target: str) -> None:
    cast.credential(rebels.luke, clients=[cast.client(cast.application(rebels.luke))[0]])
    seal_events()
    with pytest.raises(Mismatch, match="same version"):
        list(copy_everything(DEFAULT_DB_ALIAS, target))
    recorder = MigrationRecorder(connections[target])
    recorder.ensure_schema()
    for app, name in MigrationRecorder(connections[DEFAULT_DB_ALIAS]).applied_migrations():
        recorder.record_applied(app, name)
    copied = dict(copy_everything(DEFAULT_DB_ALIAS, target))
    assert copied["accounts_auditevent"] == copied["accounts_auditseal"] > 0
    for model in copied_models():
        # As Python values: JSON would cut times.
        here, there = (
            serialize("python", model._base_manager.using(alias).order_by("pk"))
            for alias in (DEFAULT_DB_ALIAS, target)
        )
        assert here == there, model
    documents = [
        [event.document for event in AuditEvent.objects.using(alias).order_by("pk")]
        for alias in (DEFAULT_DB_ALIAS, target)
    ]
    assert documents[0] == documents[1]
    with pytest.raises(Mismatch, match="already has rows"):
        list(copy_everything(DEFAULT_DB_ALIAS, target))
