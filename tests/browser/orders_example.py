"""The running example of the docs: a console, an orders API, and nginx in front of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.house.sources import ROOT
from tests.ports import free_port, wait_until_open

START = "from pathlib import Path; from examples.orders.run import run; run(Path({!r}))"
# The settings of the test run are not those of the example.
SHELL = {"PATH": os.environ["PATH"], "LOG_LEVEL": "WARNING", "RATE_LIMIT_LIGHT": "20/60"}


@dataclass(frozen=True)
class Example:
    directory: Path
    console: int
    gateway: int
    service: int

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.console}"

    def demo(self) -> dict[str, Any]:
        """What `seed_demo --json` says about its people, apps and credentials."""
        environment = SHELL | {
            "CONSOLE_ENV_FILE": str(self.directory / ".env"),
            "DATABASE_URL": f"sqlite:///{self.directory / 'console.sqlite3'}",
            "PLATFORM_FILE": str(ROOT / "examples" / "orders" / "platform.toml"),
        }
        command = [sys.executable, "manage.py", "seed_demo", "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def variables(self, demo: dict[str, Any], owner: str, app: str) -> dict[str, str]:
        """The `.env` block of an app and of the first sandbox credential of a person."""
        (client,) = (
            each for each in demo["apps"] if (each["name"], each["environment"]) == (app, "sandbox")
        )
        credential = next(
            each
            for each in demo["credentials"]
            if (each["owner"], each["environment"], each["status"]) == (owner, "sandbox", "active")
        )
        return {
            "ACME_SERVER_URL": f"{self.origin}/sandbox",
            "ACME_APP_CLIENT_ID": client["client_id"],
            "ACME_APP_CLIENT_SECRET": client["client_secret"],
            "ACME_USER_JWT": credential["jwt"],
        }


@contextmanager
def running_example(directory: Path) -> Iterator[Example]:
    ports = [free_port() for _ in range(3)]
    names = ("PORT", "GATEWAY_PORT", "SERVICE_PORT")
    environment = SHELL | dict(zip(names, map(str, ports), strict=True))
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(str(directory))], cwd=ROOT, env=environment
    )
    example = Example(directory, *ports)
    try:
        # The gateway starts last, after the console has loaded its demo data.
        wait_until_open(example.gateway, process, "The example", seconds=120)
        yield example
    finally:
        process.terminate()
        process.wait(timeout=30)
