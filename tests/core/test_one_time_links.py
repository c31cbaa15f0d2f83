"""The log as it is written: no line of any logger holds the secret of a one-time link."""

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import OperationalError
from django.test import Client as Browser

from core.one_time_links import redact_line

SECRET = "inv_s3cr3t"
INVITATION = f"/invitations/{SECRET}"
LINKS = [
    INVITATION,
    f"/account/password/reset/key/abc-{SECRET}/",
    f"/account/confirm-email/{SECRET}/",
    f"/account/login/?next=%2Finvitations%2F{SECRET}",
    f"/account/login/?next=%2Faccount%2Flogin%2F%3Fnext%3D%252Finvitations%252F{SECRET}",
    f"http://console.example.com/invitations/{SECRET}",
    f"{INVITATION} {SECRET}",
    f"{INVITATION}”{SECRET}\\{SECRET}",
]
# Loggers of Django, of the server, of libraries, and our own.
LOGGERS = ["django.security.csrf", "django.server", "granian.access", "x"]


@pytest.fixture
def written() -> Iterator[Callable[[], str]]:
    """What the handlers of the settings have written since the test began."""
    stream = io.StringIO()
    logs: dict[str, Any] = settings.LOGGING
    handler = logs["handlers"]["console"] | {"stream": stream}
    before = logging.root.handlers[:]
    logging.config.dictConfig(logs | {"handlers": {"console": handler}})
    yield stream.getvalue
    logging.config.dictConfig(logs)
    logging.root.handlers[:] = before


@pytest.mark.parametrize("logger", LOGGERS)
def test_no_logger_writes_the_secret_of_a_link(written: Callable[[], str], logger: str) -> None:
    for link in LINKS:
        logging.getLogger(logger).error('%s: "GET %s HTTP/1.1"', "Not Found", link)
        try:
            raise ValueError(link)
        except ValueError:
            logging.getLogger(logger).exception("Internal Server Error")
    lines = [json.loads(line) for line in written().splitlines()]
    assert len(lines) == 2 * len(LINKS)
    assert SECRET not in written()
    assert lines[0]["event"] == 'Not Found: "GET /invitations/..."'


def refuse(error: Exception) -> Callable[..., None]:
    def view(*_arguments: object, **_more: object) -> None:
        raise error

    return view


@pytest.mark.django_db
@pytest.mark.parametrize("path", LINKS[:3])
def test_no_answer_to_a_link_puts_its_secret_into_the_log(
    written: Callable[[], str], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    browser = Browser(enforce_csrf_checks=True, raise_request_exception=False)
    statuses = [browser.post(path).status_code, browser.delete(path).status_code]
    for error in (ValueError(path), OperationalError("away"), BadRequest(path)):
        with monkeypatch.context() as patch:
            patch.setattr("django.http.request.HttpRequest.get_host", refuse(error))
            statuses.append(browser.get(path).status_code)
    assert statuses[0] == 403
    assert set(statuses[2:]) == {400, 500, 503}
    assert "Forbidden (CSRF cookie not set.)" in written()
    assert SECRET not in written()


def test_only_pages_of_ids_keep_their_path() -> None:
    with_id = '{"request": "POST /console/organization/access/invitations/7/resend", "code": 302}'
    assert redact_line(None, "", with_id) == with_id
