"""The balancer finds a recreated container at its new address."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ports import free_port
from tests.scale.balancer import balancer
from tests.scale.callers import caller
from tests.scale.names import name_server

HOST = "localhost"
PATIENCE = 20.0  # seconds


class _Address(BaseHTTPRequestHandler):
    """Answers with its own address."""

    def do_GET(self) -> None:
        body = self.connection.getsockname()[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore health checks that close the connection after the status."""


@contextmanager
def container(address: str, port: int) -> Iterator[None]:
    with _Server((address, port), _Address) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


def ask(port: int, times: int = 8) -> Counter[str]:
    """Count the answers by address, and the failures by status."""
    answers: Counter[str] = Counter()
    for _ in range(times):
        with caller(port, HOST) as connection:
            answer = connection.send("GET", "/")
        answers[answer.body.decode() if answer.status == 200 else str(answer.status)] += 1
    return answers


def wait_for(port: int, addresses: set[str]) -> None:
    """Wait until exactly these addresses answer. Every answer in between must be successful."""
    deadline = time.monotonic() + PATIENCE
    while (found := ask(port)).keys() != addresses:
        assert not {"0", "503"} & found.keys()
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_the_balancer_follows_containers_to_their_addresses() -> None:
    port = free_port()
    addresses = {"web": "127.0.0.2", "web-2": "127.0.0.3"}
    with (
        name_server(addresses) as names,
        container("127.0.0.2", port),
        balancer([f"web:{port}", f"web-2:{port}"], HOST, names=names) as balanced,
    ):
        with container("127.0.0.3", port):
            wait_for(balanced, {"127.0.0.2", "127.0.0.3"})
        # The container is stopped, and its name no longer exists.
        del addresses["web-2"]
        wait_for(balanced, {"127.0.0.2"})
        with container("127.0.0.4", port):
            addresses["web-2"] = "127.0.0.4"
            wait_for(balanced, {"127.0.0.2", "127.0.0.4"})
