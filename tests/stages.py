"""`make test`: every check in its order, stopping at the first that fails.

`make test STAGES="ruff browser"` runs a choice of them; the summary names what was left out.
"""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.plugins import debian
from tests.plugins.browser import install_chromium
from tests.plugins.environment import ENVIRONMENT, UNSET
from tests.plugins.node import install_npm_packages

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ("pytest", "--quiet")
PARALLEL = ("--numprocesses=2", "--dist=worksteal")
# The tools that import the settings must not touch a database that someone works with.
NO_DATABASE = ENVIRONMENT | {"DATABASE_URL": "sqlite://:memory:"}

# Workers, servers and one stage after another import the same modules: compiled once, not each time.
LEFT_OUT = {*UNSET, "PYTHONDONTWRITEBYTECODE"}


def production_environment() -> dict[str, str]:
    """Settings like those of a real installation, with secrets made for this run."""
    return {
        "CONSOLE_ENV_FILE": "",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ORIGIN": "https://developers.example.com",
        "SANDBOX_BASE_URL": "https://platform.sandbox.example.com",
        "PRODUCTION_BASE_URL": "https://platform.example.com",
        "DATABASE_URL": "postgresql://console:console@localhost:5432/console",
        "CACHE_URL": "redis://localhost:6379/0",
        "EMAIL_URL": "smtp://localhost:25",
        "TRUSTED_PROXY_COUNT": "1",
    }


@dataclass(frozen=True)
class Stage:
    name: str
    purpose: str
    module: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: NO_DATABASE)


STAGES = (
    Stage("ruff", "lint", ["ruff", "check", "."]),
    Stage("format", "formatting", ["ruff", "format", "--check", "."]),
    Stage("mypy", "types", ["mypy"]),
    Stage("djlint", "templates", ["djlint", "--lint", "--quiet", "templates"]),
    Stage(
        "deploy",
        "Django's checks of a production installation",
        ["django", "check", "--deploy", "--fail-level=WARNING"],
        production_environment(),
    ),
    Stage("migrations", "none is missing", ["django", "makemigrations", "--check", "--dry-run"]),
    Stage(
        "unit",
        "functions and rules of the house, without a database",
        [*PYTEST, *PARALLEL, "-m", "unit"],
        {"TEST_DATABASE": "sqlite"},
    ),
    Stage(
        "sqlite",
        "what touches rows, on SQLite",
        [*PYTEST, *PARALLEL, "-m", "database"],
        {"TEST_DATABASE": "sqlite"},
    ),
    Stage(
        "postgresql",
        "the same on PostgreSQL",
        [*PYTEST, *PARALLEL, "-m", "database"],
        {"TEST_DATABASE": "postgresql"},
    ),
    Stage(
        # On PostgreSQL, where every thread of the live server has a connection of its own.
        "browser",
        "journeys in Chromium, and servers that die and come back",
        [*PYTEST, *PARALLEL, "-m", "browser"],
        {"TEST_DATABASE": "postgresql"},
    ),
)


def chosen_stages(names: Sequence[str]) -> list[Stage]:
    known = [stage.name for stage in STAGES]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"No such stage: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [stage for stage in STAGES if not names or stage.name in names]


def run(stage: Stage) -> bool:
    inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    settings = {"DJANGO_SETTINGS_MODULE": "console.settings"}
    environment = {**inherited, **settings, **stage.environment}
    command = [sys.executable, "-m", *stage.module]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def main(names: Sequence[str]) -> int:
    stages = chosen_stages(names)
    if any(stage.name == "browser" for stage in stages):
        # Before the first stage: half an hour of tests should not end in a missing program.
        say(f"Browser: {install_chromium()}")
        # The lines and the proxy of the docs run as they stand, and so do other makers' clients.
        debian.install("curl", "curl")
        debian.install("nginx", "nginx")
        # What stands between several servers and one database, and in front of them.
        debian.install("pgbouncer", "pgbouncer")
        debian.install("haproxy", "haproxy")
        install_npm_packages()
    if any("pytest" in stage.module for stage in stages):
        debian.install("redis-server", "redis-server")
    outcomes: dict[str, str] = {}
    for stage in stages:
        say(f"\n== {stage.name}: {stage.purpose}")
        started = time.monotonic()
        passed = run(stage)
        outcomes[stage.name] = f"{'passed' if passed else 'FAILED'} {seconds_since(started)}"
        if not passed:
            break
    summarize(outcomes)
    return 0 if all(outcome.startswith("passed") for outcome in outcomes.values()) else 1


def summarize(outcomes: Mapping[str, str]) -> None:
    say("\n== summary")
    for stage in STAGES:
        say(f"{stage.name:<16} {outcomes.get(stage.name, 'not run'):<16} {stage.purpose}")


def seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
