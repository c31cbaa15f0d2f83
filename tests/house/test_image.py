"""The production image starts without the files that .dockerignore leaves out. Nothing is built."""

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from console.docs import library
from tests.house.sources import ROOT
from tests.plugins.environment import ENVIRONMENT, UNSET
from tests.stages import production_environment

# Anyone who can start a command in a container could load users with a public password.
LEFT_OUT = {
    ".env",
    "benchmarks",
    "console/demo",
    "console/demo_env.py",
    "console/load",
    "console/management/commands/seed_demo.py",
    "console/management/commands/seed_load.py",
    "examples/orders/run.py",
    "examples/orders/service.py",
    "production.env",
    "secrets",
    "tests",
}
# Loads the server as each of its workers does.
STARTED = """
import json
from django.test import RequestFactory
from django.core.management import get_commands
from console.wsgi import application
asked = RequestFactory(HTTP_HOST="developers.example.com", HTTP_X_FORWARDED_PROTO="https")
answers = []
body = application(asked.get("/healthz/live").environ, lambda *head: answers.append(head[0]))
ours = [name for name, app in get_commands().items() if app in ("console", "accounts")]
print(json.dumps([answers, b"".join(body).decode(), sorted(ours)]))
"""


def patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line.removeprefix("**/") for line in lines if not line.startswith("#")]


def is_left_out(path: str) -> bool:
    return any(
        fnmatch(path, pattern) or fnmatch(Path(path).name, pattern) for pattern in patterns()
    )


def copied_to(directory: Path) -> Path:
    def ignored(folder: str, names: list[str]) -> set[str]:
        within = Path(folder).relative_to(ROOT)
        return {name for name in names if is_left_out(str(within / name))}

    return Path(shutil.copytree(ROOT, directory / "app", ignore=ignored, symlinks=True))


def test_the_image_has_no_tests_no_demo_and_no_secrets() -> None:
    assert {path for path in LEFT_OUT if is_left_out(path)} == LEFT_OUT
    assert not is_left_out("console/settings.py")


def test_the_image_has_every_file_of_the_documentation() -> None:
    files = [str(page.file.relative_to(ROOT)) for page in library.pages().values()]
    assert [name for name in (*files, *library.linked_files()) if is_left_out(name)] == []


def test_the_console_starts_from_the_files_of_the_image(tmp_path: Path) -> None:
    app = copied_to(tmp_path)
    unset = {*ENVIRONMENT, *UNSET, "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=app,
        env={name: value for name, value in os.environ.items() if name not in unset}
        | {"DJANGO_SETTINGS_MODULE": "console.settings", "PYTHONDONTWRITEBYTECODE": "1"}
        | production_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, body, commands = json.loads(done.stdout.splitlines()[-1])
    assert (answers, json.loads(body)) == (["200 OK"], {"status": "ok"})
    assert {"tick", "create_organization"} <= set(commands)
    assert not [name for name in commands if name.startswith("seed_")]
