"""The WSGI application below the production server."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
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


def test_a_body_can_come_in_chunks(console: RunningConsole) -> None:
    """Clients that stream don't send the length of a body (RFC 9112 §7.1)."""
    headers = {"Authorization": api.basic("nobody", "x"), "Content-Type": api.FORM}
    pieces = [b"grant_type=refr", b"esh_token&refresh_", b"token=x"]
    status, _, body = console.request("POST", PATH, iter(pieces), headers)
    assert (status, json.loads(body)["errors"][0]["errorCode"]) == (401, "OAU-146")
    too_long = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 5
    # What is too long is refused, and not read to its end.
    status, _, body = console.request("POST", PATH, iter([b"a" * too_long]), headers)
    assert (status, json.loads(body)["error_description"]) == (
        400,
        "The request is too large. Send fewer or shorter parameters.",
    )


def test_a_caller_gets_an_answer_that_does_not_read_the_body(console: RunningConsole) -> None:
    """The connection stays usable."""
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=10)
    body = b"a" * 100_000
    with contextlib.closing(connection):
        for _ in range(3):
            connection.putrequest("PUT", PATH)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            time.sleep(0.2)
            connection.send(body)
            response = connection.getresponse()
            response.read()
            assert (response.status, response.getheader("Connection")) == (405, None)


class Started:
    """The `start_response` of a server that remembers the status and the headers."""

    status = ""
    headers: dict[str, str] = {}

    def __call__(
        self, status: str, headers: list[tuple[str, str]], *_arguments: object
    ) -> Callable[[bytes], None]:
        self.status, self.headers = status, dict(headers)
        return lambda _body: None


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
    request = RequestFactory(REMOTE_ADDR=address).get("/healthz/live")
    started = Started()
    body = demo(request.environ, started)
    assert started.status == status
    assert (b"DEMO=1" in b"".join(body)) is (status != "200 OK")


def test_an_answer_of_an_api_can_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = wsgi.Handler()
    streamed = StreamingHttpResponse([b"one, ", b"two"], status=202)
    monkeypatch.setattr(handler._apis, "_answered", lambda *_: streamed)
    started = Started()
    body = handler(RequestFactory().get(PATH).environ, started)
    assert (started.status, b"".join(body)) == ("202 Accepted", b"one, two")


def test_the_server_speaks_http_1_only(console: RunningConsole) -> None:
    """HTTP/2 begins with this request (RFC 9113 §3.4), and its answer with a frame."""
    with socket.create_connection(("127.0.0.1", console.port), timeout=5) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        assert connection.recv(8) in (b"HTTP/1.1", b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/invitations/inv_abc”", "410 Gone"),
        ("/söhne", "404 Not Found"),
        ("/console/🔑", "404 Not Found"),
        ("/sandbox/restapi/v1.0/söhne”", "404 Not Found"),
        ("", "302 Found"),
    ],
)
def test_an_address_can_have_any_characters(
    path: str, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    started = Started()
    environ = RequestFactory().get("/").environ | {"PATH_INFO": path.encode().decode("latin-1")}
    b"".join(wsgi.application(environ, started))
    assert started.status == status
    assert "X-Request-Id" in started.headers
    logged = path.replace("inv_abc”", "...") or "/"
    assert f"'request': 'GET {logged}'" in caplog.text


def test_an_error_below_the_middlewares_has_a_request_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handler, started = wsgi.Handler(), Started()
    monkeypatch.setattr(handler, "_apis", None)
    body = b"".join(handler(RequestFactory().get(PATH).environ, started))
    request_id = started.headers["X-Request-Id"]
    assert started.status == "500 Internal Server Error"
    assert body.decode() == f"Internal error; request {request_id}.\n"
    assert f"Internal error; request {request_id}" in caplog.text
