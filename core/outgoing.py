"""One HTTP call to another server, with a limit for the total time. It doesn't follow redirects.

The call runs in its own thread, because no timeout of the standard library covers the whole call:
not the DNS lookup, and not a server that sends one byte at a time.
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

# Each call blocks a thread of the server. The other threads must stay free for other requests, even
# for those that the call itself causes.
CALLS_AT_ONCE = 2
_slots = BoundedSemaphore(CALLS_AT_ONCE)


class CallFailed(Exception):
    """There is no complete response. The message tells people why."""


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
class CallResponse:
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    is_truncated: bool
    """Whether the body is longer than the part that we read."""
    seconds: float

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def send(call: OutgoingCall, *, seconds: float, most_bytes: int) -> CallResponse:
    """The response to a call. Raises `CallFailed`."""
    connection = _connection(call, seconds)
    if not _slots.acquire(blocking=False):
        raise CallFailed("Other calls are still running. Try again in a few seconds.")
    future: Future[CallResponse] = Future()
    Thread(target=_run, args=(future, connection, call, most_bytes), daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        _interrupt(connection)
        raise CallFailed(
            f"{call.server} didn’t send a complete response within {seconds:g} seconds."
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
    future: "Future[CallResponse]",
    connection: http.client.HTTPConnection,
    call: OutgoingCall,
    most_bytes: int,
) -> None:
    try:
        future.set_result(_response(connection, call, most_bytes))
    except Exception as error:
        # The waiting thread raises it.
        future.set_exception(error)
    finally:
        connection.close()
        _slots.release()


def _response(
    connection: http.client.HTTPConnection, call: OutgoingCall, most_bytes: int
) -> CallResponse:
    began = time.monotonic()
    parts = urlsplit(call.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection.request(call.method, target, body=call.body, headers=dict(call.headers))
    with connection.getresponse() as response:
        body = response.read(most_bytes + 1)
        return CallResponse(
            status=response.status,
            reason=response.reason,
            headers=tuple(response.getheaders()),
            body=body[:most_bytes],
            is_truncated=len(body) > most_bytes,
            seconds=time.monotonic() - began,
        )


def _interrupt(connection: http.client.HTTPConnection) -> None:
    # Closing a socket doesn't wake a thread that reads from it. We call the method of the plain
    # socket, because a TLS socket would first wait for the server to close the connection.
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
    (socket.gaierror, "We couldn’t find the IP address of {server}."),
    (ConnectionRefusedError, "{server} refused the connection. The server may be down."),
    (ssl.SSLError, "The TLS connection to {server} failed."),
    (ConnectionError, "{server} closed the connection before its response was complete."),
    (http.client.HTTPException, "The response from {server} isn’t valid HTTP."),
    (ValueError, "This call isn’t valid HTTP."),
)
