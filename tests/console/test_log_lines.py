"""Each request has one line in the log, also if it failed."""

import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent, AuditKind
from console.logs import configured_logs
from tests import api, cast
from tests.conftest import Rebels, SignIn

CALL, PAGE = "/sandbox/restapi/v1.0/account/~", "/console/"


class Events(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # structlog hands on a dictionary.
        message: object = record.msg
        self.seen.append(message["event"] if isinstance(message, dict) else str(message))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The events that loggers hand on with the levels of an installation."""
    handler = Events()
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "django.request")}
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    logging.getLogger("django.request").setLevel(
        configured_logs(level="INFO")["loggers"]["django.request"]["level"]
    )
    yield handler.seen
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("a bug of ours")])
def test_a_request_that_fails_has_one_line(
    error: Exception,
    rebels: Rebels,
    sign_in: SignIn,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    browser = sign_in(rebels.luke)
    browser.raise_request_exception = False
    program = Client(raise_request_exception=False)
    monkeypatch.setattr("console.api.calls.authenticate", fail)
    monkeypatch.setattr("console.dashboard.render", fail)
    for client, path in ((program, CALL), (browser, PAGE)):
        lines.clear()
        assert client.get(path).status_code in (500, 503)
        assert lines == ["request_failed"]


def test_a_request_that_is_refused_has_one_line(
    rebels: Rebels, sign_in: SignIn, lines: list[str]
) -> None:
    for client, path in ((Client(), CALL), (sign_in(rebels.luke), "/console/organization")):
        lines.clear()
        assert client.get(path).status_code in (401, 403)
        assert lines == ["request_finished"]


def test_a_line_says_which_client_it_was_and_how_long_it_took(
    rebels: Rebels, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    app = api.app(rebels.luke)
    token = api.access_token(app, cast.credential(rebels.luke))
    api.call("GET", "/account/~", token)
    api.call("GET", "/account/~")
    sign_in(rebels.luke).get(PAGE)
    found = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    finished = [line for line in found if line["event"] == "request_finished"]
    who = [(line.get("client_id"), line.get("user_id")) for line in finished]
    luke = str(rebels.luke.user_id)
    assert who == [(app.client_id, None), (app.client_id, None), (None, None), (None, luke)]
    assert all(0 <= line["milliseconds"] < 60_000 for line in finished)


def test_an_audit_event_has_a_line_with_ids_and_no_names(
    rebels: Rebels,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    caplog.set_level(logging.INFO)
    with django_capture_on_commit_callbacks(execute=True):
        cast.application(rebels.luke)
    [line] = [
        record.msg
        for record in caplog.records
        if isinstance(record.msg, dict) and record.msg["event"] == "audit_event"
    ]
    event = AuditEvent.objects.get(kind=AuditKind.APPLICATION_REGISTERED)
    assert {name: line[name] for name in ("kind", "actor_id", "target", "organization_id")} == {
        "kind": "application.registered",
        "actor_id": str(rebels.luke.user_id),
        "target": f"application {event.target_id}",
        "organization_id": str(rebels.organization.pk),
    }
    assert (line["ip"], line["request_id"]) == (cast.ORIGIN.ip, cast.ORIGIN.request_id)
    assert "luke@" not in str(line)
