"""What bin/serve refuses or reports before it starts processes."""

import json
import os
import socket
import subprocess
from collections.abc import Mapping

import pytest

from tests.house.sources import ROOT
from tests.plugins.environment import ENVIRONMENT
from tests.ports import free_port


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**ENVIRONMENT, "DATABASE_URL": "sqlite://:memory:", **environment}
    return run(
        [str(ROOT / ".venv" / "bin" / "python"), "-m", "console.preflight", *arguments], given
    )


def run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", [["bin/serve"], [".venv/bin/python", "manage.py", "tick"]])
def test_a_start_without_settings_prints_its_message_once_and_no_traceback(
    command: list[str],
) -> None:
    done = run(command, {"CONSOLE_ENV_FILE": ""})
    assert done.returncode == 1
    assert done.stderr.count("The console can't start with these settings:") == 1
    assert "Traceback" not in done.stderr
    assert "worker" not in done.stderr


def test_a_second_server_on_a_port_does_not_start() -> None:
    with socket.socket() as other:
        # As granian does, which lets another server share the port.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = serve("--host", "127.0.0.1", PORT=port)
    assert done.returncode == 1
    assert f"The console can't listen on 127.0.0.1 port {port}: Address already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "warns"),
    [
        ([], {"GRANIAN_WORKERS": "2"}, True),
        (["--workers", "2", "--no-ws"], {}, True),
        ([], {}, False),
        ([], {"GRANIAN_WORKERS": "2", "CACHE_URL": "redis://localhost:6379/0"}, False),
    ],
)
def test_several_processes_without_a_shared_cache_are_reported(
    arguments: list[str], environment: dict[str, str], warns: bool
) -> None:
    done = serve(*arguments, PORT=str(free_port()), **environment)
    assert done.returncode == 0
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["no_shared_cache"] * warns
