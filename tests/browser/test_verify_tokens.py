"""Runs the nginx, Python and curl examples of docs/how-to/verify-tokens.md."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Client, JwtCredential
from tests import cast
from tests.browser.exchange import exchange
from tests.conftest import Rebels
from tests.ports import START_SECONDS, free_port, wait_until_open

DOCS = (Path(__file__).parents[2] / "docs" / "how-to" / "verify-tokens.md").read_text()


def block(language: str) -> str:
    """The one block of code in this language."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@dataclass(frozen=True)
class Granted:
    client: Client
    secret: str
    credential: JwtCredential
    base_url: str
    access_token: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "BASE_URL": self.base_url,
            "CLIENT_ID": self.client.client_id,
            "CLIENT_SECRET": self.secret,
            "ACCESS_TOKEN": self.access_token,
        }


@pytest.fixture
def granted(console: str, rebels: Rebels) -> Granted:
    client, secret = cast.client(cast.application(rebels.luke, scopes=["ReadAccounts"]))
    credential = cast.credential(rebels.luke)
    base_url = f"{console}/sandbox"
    body = exchange(base_url, client.client_id, secret, credential.encode())
    return Granted(client, secret, credential, base_url, body["access_token"])


def run(command: list[str], granted: Granted, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=os.environ | granted.environment | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_curl_example_introspects_a_token(granted: Granted, rebels: Rebels) -> None:
    command = ["sh", "-c", block("sh")]
    assert json.loads(run(command, granted).stdout)["active"] is True
    end(granted, rebels)
    assert json.loads(run(command, granted).stdout) == {"active": False}


def end(granted: Granted, rebels: Rebels) -> None:
    revoke_jwt_credential(granted.credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)


class Service(BaseHTTPRequestHandler):
    """The service behind the proxy. It answers with the headers that reached it."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base names it
        """Keep requests out of the output of the test."""


NGINX = """\
daemon off;
pid {directory}/nginx.pid;
error_log stderr crit;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {server}
}}
"""


@pytest.fixture
def proxy(granted: Granted, tmp_path: Path) -> Iterator[str]:
    """The proxy of the docs, with the addresses of this test."""
    service = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    port = free_port()
    server = block("nginx")
    for example, here in (
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
        ("127.0.0.1:9000", f"127.0.0.1:{service.server_port}"),
        ("https://developers.example.com/sandbox", granted.base_url),
    ):
        assert example in server
        server = server.replace(example, here)
    user = "user root;" if os.geteuid() == 0 else ""
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(directory=tmp_path, server=server, user=user))
    process = subprocess.Popen(["nginx", "-p", tmp_path, "-c", config])
    try:
        wait_until_open(port, process, "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)
        service.shutdown()
        service.server_close()


def answer(url: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Return the status, and the headers that reached the service or those of the error."""
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, dict(error.headers)


def test_the_nginx_example_lets_a_valid_token_through(proxy: str, granted: Granted) -> None:
    status, seen = answer(
        f"{proxy}/orders",
        Authorization=f"Bearer {granted.access_token}",
        **{"X-Owner-Id": "1", "X-Scope": "Accounts"},
    )
    assert status == 200
    assert (seen["X-Owner-Id"], seen["X-Client-Id"], seen["X-Scope"]) == (
        str(granted.credential.extension_id),
        granted.client.client_id,
        "ReadAccounts",
    )
    assert "Authorization" not in seen


def test_the_nginx_example_stops_every_other_request(
    proxy: str, granted: Granted, rebels: Rebels
) -> None:
    status, headers = answer(f"{proxy}/orders")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="REST API"')
    for token in ("garbage", granted.credential.encode()):
        status, headers = answer(f"{proxy}/orders", Authorization=f"Bearer {token}")
        assert status == 401
        assert 'error="invalid_token"' in headers["WWW-Authenticate"]
    assert answer(f"{proxy}/verify")[0] == 404
    good = {"Authorization": f"Bearer {granted.access_token}"}
    assert answer(f"{proxy}/orders", **good)[0] == 200
    end(granted, rebels)
    assert answer(f"{proxy}/orders", **good)[0] == 401
