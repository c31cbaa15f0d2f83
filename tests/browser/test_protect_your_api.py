"""Runs the example and the commands of its tutorial, up to the explanation of a refusal."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Check
from tests.house.sources import ROOT
from tests.plugins import debian
from tests.ports import free_port, wait_until_open

TUTORIAL = (ROOT / "docs" / "tutorials" / "protect-your-api.md").read_text()
START = "from pathlib import Path; from examples.orders.run import run; run(Path({!r}))"
# The settings of the test run are not those of the example.
SHELL = {"PATH": os.environ["PATH"], "LOG_LEVEL": "WARNING"}


class Example:
    """The running example, and its commands with the variables that they read."""

    def __init__(self, directory: Path, ports: dict[str, int]) -> None:
        self.directory = directory
        self.origin = f"http://localhost:{ports['PORT']}"
        self.variables = {
            "BASE_URL": f"{self.origin}/sandbox",
            "ORDERS_URL": f"http://localhost:{ports['GATEWAY_PORT']}",
        }

    def demo(self) -> dict[str, Any]:
        environment = SHELL | {
            "CONSOLE_ENV_FILE": str(self.directory / ".env"),
            "DATABASE_URL": f"sqlite:///{self.directory / 'console.sqlite3'}",
            "PLATFORM_FILE": str(ROOT / "examples" / "orders" / "platform.toml"),
        }
        command = [sys.executable, "manage.py", "seed_demo", "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def use(self, demo: dict[str, Any], owner: str, app: str) -> None:
        """Take the credential and the app as somebody does in step 3 of the tutorial."""
        (client,) = (
            each for each in demo["apps"] if (each["name"], each["environment"]) == (app, "sandbox")
        )
        credential = next(
            each
            for each in demo["credentials"]
            if (each["owner"], each["environment"], each["status"]) == (owner, "sandbox", "active")
        )
        self.variables |= {
            "CLIENT_ID": client["client_id"],
            "CLIENT_SECRET": client["client_secret"],
            "JWT": credential["jwt"],
        }
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


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    debian.install(["nginx"])
    directory = tmp_path_factory.mktemp("orders")
    ports = {name: free_port() for name in ("PORT", "GATEWAY_PORT", "SERVICE_PORT")}
    environment = SHELL | {name: str(port) for name, port in ports.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(str(directory))], cwd=ROOT, env=environment
    )
    try:
        # The gateway starts last, after the console has loaded its demo data.
        wait_until_open(ports["GATEWAY_PORT"], process, "The example", seconds=120)
        yield Example(directory, ports)
    finally:
        process.terminate()
        process.wait(timeout=30)


def body_of(answer: str) -> Any:
    return json.loads(answer.split("\n\n", 1)[1])


def test_the_platform_file_of_the_example_has_no_mistakes(example: Example) -> None:
    assert example.run("check")


def test_the_person_behind_the_app_decides_about_a_refund(example: Example) -> None:
    demo = example.demo()
    example.use(demo, "luke@rebels.example", "Base Reporting")
    listed = example.run("list")
    assert listed.startswith("HTTP/1.1 200 OK")
    assert [order["id"] for order in body_of(listed)] == [1001, 1002, 1003]
    refused = example.run("refund")
    assert refused.startswith("HTTP/1.1 403 Forbidden")
    assert body_of(refused)["errorCode"] == "CMN-408"
    example.use(demo, "leia@rebels.example", "Hangar Console")
    granted = example.run("refund")
    assert granted.startswith("HTTP/1.1 201 Created")
    assert body_of(granted)["state"] == "refunded"
    again = example.run("refund")
    assert again.startswith("HTTP/1.1 409 Conflict")


def test_the_console_explains_the_refused_refund(
    example: Example, page: Page, accessible: Check
) -> None:
    example.use(example.demo(), "luke@rebels.example", "Base Reporting")
    (request_id,) = re.findall(r"^X-Request-Id: .+$", example.run("refund"), re.MULTILINE)
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
