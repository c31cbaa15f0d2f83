"""A small API on loopback, which records what it gets and misbehaves when asked to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: str


@dataclass
class ApiServer:
    address: str
    received: list[Received] = field(default_factory=list)

    @property
    def last(self) -> Received:
        return self.received[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ApiServer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.api.received.append(
            Received(self.command, self.path, dict(self.headers.items()), body)
        )
        behavior = getattr(self, f"_{self.path[1:].partition('?')[0].partition('/')[0]}", None)
        (behavior or self._orders)()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - names of the library

    def log_message(self, *arguments: Any) -> None:
        pass

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _orders(self) -> None:
        body = json.dumps({"total": "<b>1</b>", "token": self.headers.get("Authorization")})
        headers = {"Content_Type": "application/json", "X_Request_Id": "abc-1", "Set_Cookie": "a=b"}
        self._send(200, body.replace('"total"', '"price": 1.10, "total"').encode(), **headers)

    def _moved(self) -> None:
        self._send(302, b"", Location="/orders")

    def _refused(self) -> None:
        self._send(403, b"{}", X_Request_Id="abc-2", WWW_Authenticate="Bearer")

    def _slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b".")
            time.sleep(0.05)

    def _large(self) -> None:
        self._send(200, b"x" * 5_000, Content_Type="text/plain")

    def _image(self) -> None:
        self._send(200, b"\x89PNG\x00", Content_Type="image/png")

    def _nothing(self) -> None:
        self._send(204, b"")

    def _garbage(self) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def _gone(self) -> None:
        self.close_connection = True


@contextmanager
def api_server() -> Iterator[ApiServer]:
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.api = api = ApiServer(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
