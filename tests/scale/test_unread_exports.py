"""Exports that no one reads keep a few threads of a server, and nothing else waits for them."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind, Membership
from core.downloads import DOWNLOADS_AT_ONCE
from tests import api
from tests.conftest import Rebels, SignIn
from tests.credentials.running_console import CSRF, RunningConsole
from tests.scale.callers import AppCalls, caller
from tests.scale.conftest import Installation

EXPORT = reverse("accounts:export_audit_log")
# Together more than the buffers between two sockets.
EVENTS = 20_000
FORM = urlencode({"format": "csv", "csrfmiddlewaretoken": CSRF})


def make_events(viewer: Membership) -> None:
    AuditEvent.objects.bulk_create(
        AuditEvent(
            kind=AuditKind.USER_UPDATED,
            organization=viewer.organization,
            actor=viewer.user,
            actor_label="Leia",
            user_agent="x" * 200,
        )
        for _ in range(EVENTS)
    )


@contextmanager
def unread_exports(server: RunningConsole, sessions: list[str]) -> Iterator[None]:
    """Start one export in each session and read only how it begins."""
    with ExitStack() as stack:
        for session in sessions:
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            cookies = f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={CSRF}"
            client.sendall(
                f"POST {EXPORT} HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
                f"Content-Type: {api.FORM}\r\nContent-Length: {len(FORM)}\r\n"
                f"Cookie: {cookies}\r\n\r\n{FORM}".encode()
            )
            assert client.recv(15).startswith(b"HTTP/1.1 "), session
        yield


def test_unread_exports_keep_no_one_waiting(
    installation: Installation, rebels: Rebels, sign_in: SignIn
) -> None:
    make_events(rebels.leia)
    people = [rebels.leia, rebels.han, rebels.c3po]
    sessions = [sign_in(person).cookies[settings.SESSION_COOKIE_NAME].value for person in people]
    last = sessions[DOWNLOADS_AT_ONCE]
    fields = {"format": "csv"}
    with RunningConsole(installation.url, GRANIAN_WORKERS="1") as server:
        server.wait()
        with unread_exports(server, sessions * 4):
            started = time.monotonic()
            # Sent back to the list, which says that other exports are running.
            assert server.post(EXPORT, fields, last) == (302, f"{reverse('accounts:audit_log')}?")
            with caller(server.port, f"localhost:{server.port}") as app:
                answer = AppCalls(app, installation.authorization).exchange(installation.jwt)
            assert answer.status == 200
            assert time.monotonic() - started < 5
        # Their clients are gone, so their threads and places are free.
        deadline = time.monotonic() + 10
        while server.post(EXPORT, fields, last)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
