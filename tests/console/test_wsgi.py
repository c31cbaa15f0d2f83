"""What the production server hands to the console."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from console import wsgi
from tests import api
from tests.credentials.running_console import RunningConsole, SharedDatabase

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db"),
]
PATH = "/sandbox/restapi/oauth/token"


@pytest.fixture
def console(tmp_path: Path) -> Iterator[RunningConsole]:
    with RunningConsole(SharedDatabase(tmp_path).open()) as console:
        console.wait()
        yield console


def test_a_body_may_come_in_chunks(console: RunningConsole) -> None:
    """RFC 9112 §7.1: clients that stream do not say how long a body will be."""
    headers = {"Authorization": api.basic("nobody", "x"), "Content-Type": api.FORM}
    pieces = [b"grant_type=refr", b"esh_token&refresh_", b"token=x"]
    status, _, body = console.request("POST", PATH, iter(pieces), headers)
    assert (status, json.loads(body)["errors"][0]["errorCode"]) == (401, "OAU-146")
    too_long = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 5
    # What is too long is refused, and not read to its end.
    status, _, body = console.request("POST", PATH, iter([b"a" * too_long]), headers)
    assert (status, json.loads(body)["error_description"]) == (400, "The request is too large.")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", "200 OK"),
        ("::1", "200 OK"),
        ("192.0.2.7", "403 Forbidden"),
        ("2001:db8::7", "403 Forbidden"),
    ],
)
def test_the_demo_answers_this_machine_only(address: str, status: str) -> None:
    demo = wsgi.for_this_machine(wsgi.application)
    started: list[str] = []
    request = RequestFactory(REMOTE_ADDR=address).get("/healthz/live")
    body = demo(request.environ, lambda status, _: started.append(status))
    assert started == [status]
    assert (b"DEMO=1" in b"".join(body)) is (status != "200 OK")


def test_an_answer_of_an_api_may_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = wsgi.Handler()
    streamed = StreamingHttpResponse([b"one, ", b"two"], status=202)
    monkeypatch.setattr(handler._apis, "_answered", lambda *_: streamed)
    started: list[str] = []
    body = handler(RequestFactory().get(PATH).environ, lambda status, _: started.append(status))
    assert (started, b"".join(body)) == (["202 Accepted"], b"one, two")
