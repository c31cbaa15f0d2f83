"""Runs the example, the commands of its tutorial, and the gateways of the docs in front of it."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from examples.orders.run import Ports, nginx_configuration
from tests import api
from tests.browser.conftest import Check
from tests.browser.orders_example import SHELL, Example, running_example
from tests.house.sources import ROOT
from tests.plugins import debian
from tests.ports import free_port, wait_until_open

TUTORIAL = (ROOT / "docs" / "tutorials" / "protect-your-api.md").read_text()
GATEWAYS = (ROOT / "docs" / "how-to" / "set-up-a-gateway.md").read_text()
Configure = Callable[[Path, Ports], list[str]]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    debian.install(["nginx", "caddy", "haproxy"])
    with running_example(tmp_path_factory.mktemp("orders")) as example:
        yield example


@pytest.fixture(scope="module")
def demo(example: Example) -> dict[str, Any]:
    return example.demo()


class Reader:
    """Someone who follows the tutorial, with the variables of their shell."""

    def __init__(self, example: Example, demo: dict[str, Any], owner: str, app: str) -> None:
        self.variables = example.variables(demo, owner, app)
        self.variables["ORDERS_URL"] = f"http://localhost:{example.gateway}"
        self.variables["ACCESS_TOKEN"] = json.loads(self.run("exchange"))["access_token"]

    def run(self, name: str) -> str:
        (code,) = re.findall(rf"^```sh {name}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
        return subprocess.run(
            ["sh", "-euc", code],
            cwd=ROOT,
            env=SHELL | self.variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout


def body_of(answer: str) -> Any:
    return json.loads(answer.split("\n\n", 1)[1])


def test_the_platform_file_of_the_example_has_no_mistakes(example: Example) -> None:
    (command,) = re.findall(r"^```sh check\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    command = command.replace("data/orders", str(example.directory))
    checked = subprocess.run(
        ["sh", "-euc", command], cwd=ROOT, env=SHELL, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert b"Would be lost\n  none" in checked.stdout


def test_the_user_role_decides_about_a_refund(example: Example, demo: dict[str, Any]) -> None:
    luke = Reader(example, demo, "luke@rebels.example", "Base Reporting")
    listed = luke.run("list")
    assert listed.startswith("HTTP/1.1 200 OK")
    assert [order["id"] for order in body_of(listed)] == [1001, 1002, 1003]
    refused = luke.run("refund")
    assert refused.startswith("HTTP/1.1 403 Forbidden")
    assert body_of(refused)["errorCode"] == "CMN-408"
    leia = Reader(example, demo, "leia@rebels.example", "Hangar Console")
    granted = leia.run("refund")
    assert granted.startswith("HTTP/1.1 201 Created")
    assert body_of(granted)["state"] == "refunded"
    assert leia.run("refund").startswith("HTTP/1.1 409 Conflict")


def test_the_console_explains_the_refused_refund(
    example: Example, demo: dict[str, Any], page: Page, accessible: Check
) -> None:
    luke = Reader(example, demo, "luke@rebels.example", "Base Reporting")
    (request_id,) = re.findall(r"^X-Request-Id: .+$", luke.run("refund"), re.MULTILINE)
    page.goto(f"{example.origin}/account/login/")
    page.get_by_label("Email").fill("luke@rebels.example")
    page.get_by_label("Password").fill("demo-Passw0rd!")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Why did my call fail?").click()
    page.get_by_role("textbox", name="Request ID").fill(request_id)
    page.get_by_role("button", name="Explain").click()
    main = page.get_by_role("main")
    for told in ("Orders API", "refundOrder", "IssueRefunds", "Leia Organa"):
        expect(main).to_contain_text(told)
    accessible("the explanation of a refused refund")


def block(language: str, *, after: str) -> str:
    """The first block of code in this language below a heading."""
    section = GATEWAYS.split(f"\n## {after}\n", 1)[1]
    (code, *_) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(code)


def with_ports(text: str, ports: Ports) -> str:
    for example, here in (
        ("localhost:8080", f"localhost:{ports.gateway}"),
        ("127.0.0.1:8080", f"127.0.0.1:{ports.gateway}"),
        ("127.0.0.1:8000", f"127.0.0.1:{ports.console}"),
        ("localhost:8000", f"localhost:{ports.console}"),
        ("127.0.0.1:8081", f"127.0.0.1:{ports.service}"),
    ):
        text = text.replace(example, here)
    return text


def nginx(directory: Path, ports: Ports) -> list[str]:
    return ["nginx", "-p", str(directory), "-c", str(nginx_configuration(directory, ports))]


def caddy(directory: Path, ports: Ports) -> list[str]:
    file = directory / "Caddyfile"
    options = "{\n    admin off\n    auto_https off\n}\n"
    file.write_text(options + with_ports(block("caddyfile", after="Caddy"), ports))
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


def haproxy(directory: Path, ports: Ports) -> list[str]:
    (directory / "decide.lua").write_text(with_ports(block("lua", after="HAProxy"), ports))
    file = directory / "haproxy.cfg"
    file.write_text(with_ports(block("haproxy", after="HAProxy"), ports))
    return ["haproxy", "-db", "-C", str(directory), "-f", str(file)]


@contextmanager
def gateway(configure: Configure, directory: Path, *, console: int, service: int) -> Iterator[str]:
    port = free_port()
    command = configure(directory, Ports(console, port, service))
    environment = SHELL | {"HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    process = subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_open(port, process, command[0])
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture(scope="module", params=[nginx, caddy, haproxy], ids=lambda each: each.__name__)
def api_url(
    request: pytest.FixtureRequest, example: Example, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("gateway")
    with gateway(request.param, directory, console=example.console, service=example.service) as url:
        yield url


class Answer(NamedTuple):
    status: int
    headers: Message
    body: Any
    """None if it isn't JSON."""


def answer(
    url: str,
    token: str = "",
    *,
    method: str = "GET",
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        sent["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, sent, method=method), timeout=20) as response:
            return Answer(response.status, response.headers, json.load(response))
    except HTTPError as error:
        text = error.read()
        return Answer(error.code, error.headers, json.loads(text) if text[:1] == b"{" else None)


def token_of(example: Example, demo: dict[str, Any], owner: str, app: str) -> str:
    variables = example.variables(demo, owner, app)
    form = urlencode(
        {"grant_type": api.GRANT_TYPE, "assertion": variables["ACME_USER_JWT"]}
    ).encode()
    authorization = api.basic(variables["ACME_APP_CLIENT_ID"], variables["ACME_APP_CLIENT_SECRET"])
    url = f"{variables['ACME_SERVER_URL']}/restapi/oauth/token"
    with urlopen(Request(url, form, {"Authorization": authorization}), timeout=20) as response:
        token: str = json.load(response)["access_token"]
    return token


def test_a_gateway_says_who_calls_and_nobody_else_can(
    api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    token = token_of(example, demo, "luke@rebels.example", "Base Reporting")
    forged = {"X-Owner-Id": "1", "X-User-Role": "finance", "X-Owner-External-Id": "forged"}
    caller = answer(f"{api_url}/me", token, headers=forged).body
    assert (caller["x-user-role"], caller["x-user-permissions"]) == ("support", "ViewOrders")
    assert caller["x-owner-id"] != "1"
    assert not caller.get("x-owner-external-id")
    assert not caller.get("authorization")
    open_to_all = answer(f"{api_url}/status", headers=forged)
    assert (open_to_all.status, open_to_all.body) == (200, {"status": "ok"})


def test_a_gateway_gives_the_caller_the_refusal_of_the_console(
    api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    anonymous = answer(f"{api_url}/orders")
    assert (anonymous.status, anonymous.body["errorCode"]) == (401, "OAU-123")
    assert anonymous.headers.get_all("WWW-Authenticate") == ['Bearer realm="API"']
    token = token_of(example, demo, "luke@rebels.example", "Base Reporting")
    refund = f"{api_url}/orders/1003/refunds"
    refused = answer(refund, token, method="POST", body={"reason": "Damaged"})
    assert (refused.status, refused.body["errorCode"]) == (403, "CMN-408")
    assert refused.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "hostile", ["/orders/%2e%2e/orders", "/orders//1001", "/ORDERS", "/orders/1001;x", "/orders/"]
)
def test_a_gateway_passes_no_path_on_that_servers_read_differently(
    hostile: str, api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    token = token_of(example, demo, "leia@rebels.example", "Hangar Console")
    refused = answer(f"{api_url}{hostile}", token)
    assert (refused.status, refused.body["errorCode"]) == (403, "CMN-402")


def test_a_gateway_passes_no_header_on_that_replaces_the_method(
    api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    token = token_of(example, demo, "leia@rebels.example", "Hangar Console")
    override = {"X-HTTP-Method-Override": "DELETE"}
    refused = answer(f"{api_url}/orders/1003", token, headers=override)
    assert (refused.status, refused.body["errorCode"]) == (403, "CMN-402")


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("X_Forwarded_Method", "X_Forwarded_Uri"),
        ("X-Forwarded_Method", "X-Forwarded_Uri"),
        ("X_Original_Method", "X_Original_URI"),
        ("X-Original_Method", "X_Original-URI"),
        ("X-Forwarded-Method", "X-Forwarded-Uri"),
        ("X-Original-Method", "X-Original-URI"),
    ],
)
def test_no_caller_can_name_another_operation_than_it_calls(
    method: str, uri: str, api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    """Servers read a header with underscores like one with hyphens."""
    token = token_of(example, demo, "luke@rebels.example", "Base Reporting")
    refused = answer(
        f"{api_url}/orders/1003/refunds",
        token,
        method="POST",
        body={"reason": "Damaged"},
        headers={method: "GET", uri: "/status"},
    )
    assert (refused.status, refused.body["errorCode"]) == (403, "CMN-408")


def test_a_gateway_passes_on_when_to_try_again(
    api_url: str, example: Example, demo: dict[str, Any]
) -> None:
    token = token_of(example, demo, "lobot@cloudcity.example", "Tibanna Ledger")
    statuses = {answer(f"{api_url}/orders", token).status for _ in range(20)}
    assert statuses <= {200, 429}
    refused = answer(f"{api_url}/orders", token)
    assert (refused.status, refused.body["errorCode"]) == (429, "CMN-301")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("configure", [nginx, caddy, haproxy], ids=lambda each: each.__name__)
def test_nothing_passes_a_gateway_while_the_console_is_away(
    configure: Configure, example: Example, tmp_path: Path
) -> None:
    with gateway(configure, tmp_path, console=free_port(), service=example.service) as url:
        assert answer(f"{url}/status").status in (502, 503)
