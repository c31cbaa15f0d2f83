"""`make test`: every check, then one stage of tests after another, until one fails.

`make test STAGES="ruff browser"` runs a choice of them; the summary names what was left out.
`make test STAGES=all` also runs on SQLite the tests that give the same answer on both databases.
A check uses one core, so two run side by side, while what the tests need is installed. The tests
that need nothing else run beside them.
"""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.plugins import debian
from tests.plugins.browser import install_chromium
from tests.plugins.environment import ENVIRONMENT, UNSET
from tests.plugins.node import install_npm_packages

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ("pytest", "--quiet")
PARALLEL = ("--numprocesses=2", "--dist=worksteal")
# Collecting these takes seconds, because they import large libraries.
IN_PROCESS = ("--ignore=tests/browser", "--ignore=tests/scale")
# The tools that import the settings must not touch a database that someone works with.
NO_DATABASE = ENVIRONMENT | {"DATABASE_URL": "sqlite://:memory:"}

# Workers, servers and stages import the same modules: compiled once, not each time.
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
    only_if_asked: bool = False

    @property
    def is_tests(self) -> bool:
        return self.module[0] == "pytest"

    @property
    def is_check(self) -> bool:
        """Has neither a database nor a browser, so it runs beside other checks."""
        return not self.is_tests or self.name == "unit"


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
        [*PYTEST, *PARALLEL, *IN_PROCESS, "-m", "unit"],
        {"TEST_DATABASE": "sqlite"},
    ),
    Stage(
        "postgresql",
        "what touches rows, on PostgreSQL",
        [*PYTEST, *PARALLEL, *IN_PROCESS, "-m", "database"],
        {"TEST_DATABASE": "postgresql"},
    ),
    Stage(
        "sqlite",
        "what depends on the database, on SQLite",
        [*PYTEST, *PARALLEL, *IN_PROCESS, "-m", "database and both_databases"],
        {"TEST_DATABASE": "sqlite"},
    ),
    Stage(
        "sqlite-rest",
        "everything else that touches rows, on SQLite",
        [*PYTEST, *PARALLEL, *IN_PROCESS, "-m", "database and not both_databases"],
        {"TEST_DATABASE": "sqlite"},
        only_if_asked=True,
    ),
    Stage(
        # On PostgreSQL, where every thread of the live server has a connection of its own.
        "browser",
        "journeys in Chromium, and clients by other vendors",
        [*PYTEST, *PARALLEL, "tests/browser"],
        {"TEST_DATABASE": "postgresql"},
    ),
    Stage(
        "servers",
        "servers that die and come back",
        [*PYTEST, *PARALLEL, "tests/scale"],
        {"TEST_DATABASE": "postgresql"},
    ),
)


def chosen_stages(names: Sequence[str]) -> list[Stage]:
    """The stages with these names. Without names, those of `make test`; "all" means every stage."""
    if list(names) == ["all"]:
        return list(STAGES)
    known = [stage.name for stage in STAGES]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"No such stage: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [
        stage for stage in STAGES if (stage.name in names if names else not stage.only_if_asked)
    ]


@dataclass(frozen=True)
class Outcome:
    passed: bool
    seconds: float
    output: str = ""

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'} {self.seconds:.1f} s"


def run(stage: Stage) -> Outcome:
    inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    settings = {"DJANGO_SETTINGS_MODULE": "console.settings"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *stage.module],
        cwd=ROOT,
        env={**inherited, **settings, **stage.environment},
        # What runs side by side is shown one after another.
        stdout=subprocess.PIPE if stage.is_check else None,
        stderr=subprocess.STDOUT if stage.is_check else None,
        text=True,
        check=False,
    )
    return Outcome(done.returncode == 0, time.monotonic() - started, done.stdout or "")


def main(names: Sequence[str]) -> int:
    stages = chosen_stages(names)
    tests = [stage for stage in stages if not stage.is_check]
    with ThreadPoolExecutor(max_workers=1) as installing:
        installed = installing.submit(install_programs, {stage.name for stage in tests})
        outcomes = checked([stage for stage in stages if stage.is_check], installed)
        # Before the first test: minutes of tests should not end in a missing program.
        say(installed.result())
    for stage in tests:
        if not all_passed(outcomes):
            break
        announce(stage)
        outcomes[stage.name] = run(stage)
    summarize(outcomes)
    return 0 if all_passed(outcomes) else 1


def checked(checks: Sequence[Stage], installed: "Future[str]") -> dict[str, Outcome]:
    """All of them, also when one fails: they take seconds."""

    def outcome(stage: Stage) -> Outcome:
        if stage.is_tests:
            # Some start a server that is being installed.
            installed.result()
        return run(stage)

    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {stage.name: pool.submit(outcome, stage) for stage in in_order(checks)}
        for stage in checks:
            announce(stage)
            outcomes[stage.name] = running[stage.name].result()
            say(outcomes[stage.name].output)
    return outcomes


def all_passed(outcomes: Mapping[str, Outcome]) -> bool:
    return all(outcome.passed for outcome in outcomes.values())


def in_order(checks: Sequence[Stage]) -> list[Stage]:
    """The slowest first, and tests last."""
    return sorted(checks, key=lambda stage: (stage.is_tests, stage.name != "mypy"))


def install_programs(names: Set[str]) -> str:
    """Installs what the stages run against; returns a line about it."""
    if not names:
        return ""
    programs = ["redis-server"]
    if "browser" in names:
        # The examples of the docs need them, and the code for a new JWT.
        programs += ["curl", "nginx", "caddy", "haproxy"]
        programs += ["php", "ruby", "javac"]
    if "servers" in names:
        # Between several servers and their database, and in front of them.
        programs += ["pgbouncer", "haproxy"]
    debian.install(programs)
    if "browser" not in names:
        return ""
    # Clients by other vendors.
    install_npm_packages()
    return f"Browser: {install_chromium()}"


def announce(stage: Stage) -> None:
    say(f"\n== {stage.name}: {stage.purpose}")


def summarize(outcomes: Mapping[str, Outcome]) -> None:
    say("\n== summary")
    for stage in STAGES:
        say(f"{stage.name:<12} {outcomes.get(stage.name, 'not run')!s:<16} {stage.purpose}")


def say(text: str) -> None:
    if text:
        sys.stdout.write(f"{text.rstrip()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
