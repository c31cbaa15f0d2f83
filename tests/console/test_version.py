"""Every program tells the version of pyproject.toml, also without settings."""

import re
import subprocess

import pytest

from console.version import CONSOLE_VERSION
from tests.house.sources import ROOT


@pytest.mark.parametrize(
    "command", [["bin/serve", "--version"], [".venv/bin/python", "manage.py", "--version"]]
)
def test_programs_tell_the_version(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env={"CONSOLE_ENV_FILE": ""}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{CONSOLE_VERSION}\n", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+", CONSOLE_VERSION)
