"""The health checks for load balancers."""

from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from credentials.models import SigningKey

LIVE, READY = "/healthz/live", "/healthz/ready"


def test_a_console_with_its_database_is_ready(client: Client, db: None) -> None:
    assert client.get(LIVE).json() == client.get(READY).json() == {"status": "ok"}


def test_a_stopping_server_is_alive_and_not_ready(
    client: Client, db: None, settings: Settings, tmp_path: Path
) -> None:
    draining = tmp_path / "draining"
    settings.DRAIN_FILE = str(draining)
    assert client.get(READY).status_code == 200
    draining.touch()
    response = client.get(READY)
    assert response.status_code == 503
    assert response.json() == {
        "status": "error",
        "problem": "This server is about to stop.",
    }
    assert client.get(LIVE).status_code == 200


def test_a_server_without_its_database_is_alive_and_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(SigningKey.objects, "signing", away)
    response = client.get(READY)
    assert response.status_code == 503
    assert response.json() == {
        "status": "error",
        "problem": "The database doesn't answer, or has no tables yet. Run migrate if it is new.",
    }
    assert client.get(LIVE).status_code == 200
