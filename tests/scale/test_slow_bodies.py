"""Behind a balancer, bodies that never end delay no other request."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings

from tests import api
from tests.credentials.running_console import RunningConsole
from tests.scale.balancer import balancer
from tests.scale.callers import TOKEN, AppCalls, caller
from tests.scale.conftest import Installation

HOST = "localhost"
# Each process has eight threads.
SENDERS = 20
LENGTH = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


@contextmanager
def slow_bodies(port: int, *, sent: int) -> Iterator[None]:
    """Keep requests with incomplete bodies open during the block."""
    with ExitStack() as stack:
        for _ in range(SENDERS):
            sender = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sender.sendall(
                f"POST {TOKEN} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {api.FORM}\r\n"
                f"Content-Length: {LENGTH}\r\n\r\n{'a' * sent}".encode()
            )
        # All of them have arrived at the balancer.
        time.sleep(0.5)
        yield


def test_slow_bodies_delay_no_other_request(installation: Installation) -> None:
    with (
        RunningConsole(
            installation.url,
            ORIGIN=f"http://{HOST}",
            TRUSTED_PROXY_COUNT="2",
            GRANIAN_WORKERS="1",
        ) as server,
        balancer([f"127.0.0.1:{server.port}"] * 2, HOST) as port,
        caller(port, HOST) as app,
    ):
        for sent in (1, LENGTH - 1):
            with slow_bodies(port, sent=sent):
                answer = AppCalls(app, installation.authorization).exchange(installation.jwt)
            assert answer.status == 200, sent
