"""One HTTP call to another server, within a total time and a size. It follows no redirect.

The call runs in a thread of its own, because no timeout of the standard library covers a whole
call: neither finding the address nor a server that sends one byte after another.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Thread
from urllib.parse import urlsplit

# A call keeps a thread of the server waiting. The others must stay free for everyone else, and for
# calls that come back to this server.
CALLS_AT_ONCE = 2
_slots = BoundedSemaphore(CALLS_AT_ONCE)


class CallFailed(Exception):
    """The call got no complete answer. The message tells people why."""


@dataclass(frozen=True)
class OutgoingCall:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_cut: bool
    """Whether the body is longer than what we read of it."""
    seconds: float

    def header(self, name: str) -> str:
        """The first value of a header; empty without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def send(call: OutgoingCall, *, seconds: float, most_bytes: int) -> HttpAnswer:
    """The answer to a call. Raises `CallFailed`."""
    connection = _connection(call, seconds)
    if not _slots.acquire(blocking=False):
        raise CallFailed("Other calls are still running. Try again in a few seconds.")
    future: Future[HttpAnswer] = Future()
    Thread(target=_run, args=(future, connection, call, most_bytes), daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        _interrupt(connection)
        raise CallFailed(
            f"{call.server} didn’t answer completely within {seconds:g} seconds."
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CallFailed(_in_words(error, call.server)) from error


def _connection(call: OutgoingCall, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(call.url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=seconds)


def _run(
    future: "Future[HttpAnswer]",
    connection: http.client.HTTPConnection,
    call: OutgoingCall,
    most_bytes: int,
) -> None:
    try:
        future.set_result(_answer(connection, call, most_bytes))
    except Exception as error:
        # The thread that waits raises it.
        future.set_exception(error)
    finally:
        connection.close()
        _slots.release()


def _answer(
    connection: http.client.HTTPConnection, call: OutgoingCall, most_bytes: int
) -> HttpAnswer:
    began = time.monotonic()
    parts = urlsplit(call.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection.request(call.method, target, body=call.body, headers=dict(call.headers))
    with connection.getresponse() as response:
        body = response.read(most_bytes + 1)
        return HttpAnswer(
            status=response.status,
            reason=response.reason,
            headers=tuple(response.getheaders()),
            body=body[:most_bytes],
            is_cut=len(body) > most_bytes,
            seconds=time.monotonic() - began,
        )


def _interrupt(connection: http.client.HTTPConnection) -> None:
    # Closing a socket wakes no thread that reads from it. The method of the plain socket, because a
    # TLS socket would say goodbye to the server first.
    if (sock := connection.sock) is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _in_words(error: Exception, server: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The TLS certificate of {server} isn’t valid: {error.verify_message}."
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words.format(server=server)
    return f"We couldn’t connect to {server}."


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "We couldn’t find the address of {server}."),
    (ConnectionRefusedError, "{server} refused the connection. The server may be down."),
    (ssl.SSLError, "The TLS connection to {server} failed."),
    (ConnectionError, "{server} closed the connection before its answer was complete."),
    (http.client.HTTPException, "The answer of {server} isn’t valid HTTP."),
    (ValueError, "This call isn’t valid HTTP."),
)
