"""A load client with several connections, each with one request at a time. Keeps every response.

It uses little CPU, because it shares its core with PostgreSQL and must not limit the server.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

CONNECTIONS = 16
PATIENCE = 30.0  # seconds without any response


@dataclass(frozen=True)
class Response:
    status: int
    headers: bytes
    body: bytes


@dataclass
class Load:
    """The responses. Latencies and the total are in seconds."""

    responses: list[Response] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self, load: Load) -> bool:
        """Whether the response is complete and in the load."""
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionError("The server closed a connection.")
        self._received += chunk
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return False
        load.latencies.append(time.perf_counter() - self._sent_at)
        load.responses.append(Response(int(head[9:12]), head, body))
        self._received = b""
        return True


def _content_length(head: bytes) -> int:
    _before, name, rest = head.lower().partition(b"content-length:")
    if not name and head[9:12] != b"204":
        raise ValueError(f"A response without Content-Length: {head!r}")
    return int(rest.partition(b"\r\n")[0]) if name else 0


def run(
    port: int,
    requests: Iterator[bytes],
    *,
    count: int = 0,
    seconds: float = 0.0,
    connections: int = CONNECTIONS,
) -> Load:
    """Sends `count` requests, or for `seconds`, or all of them, and waits for the answers."""
    opened = [_Connection(port) for _ in range(min(connections, count or connections))]
    started = time.perf_counter()

    def goes_on(sent: int) -> bool:
        return sent < count or time.perf_counter() < started + seconds

    try:
        load = _converse(opened, requests, goes_on)
        load.seconds = time.perf_counter() - started
    finally:
        for connection in opened:
            connection.socket.close()
    return load


def _converse(
    opened: Sequence[_Connection], requests: Iterator[bytes], goes_on: Callable[[int], bool]
) -> Load:
    load = Load()
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        sent = len(opened)
        while len(load.responses) < sent:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"No response within {PATIENCE:.0f} s.")
            for key, _events in ready:
                if key.data.receive(load) and goes_on(sent) and (request := next(requests, b"")):
                    key.data.send(request)
                    sent += 1
    return load


def request(
    method: str, path: str, *, host: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body:
        lines += [
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
