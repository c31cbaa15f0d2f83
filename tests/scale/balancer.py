"""Debian's HAProxy on loopback, with the configuration of docker-compose.yml."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.house.compose import COMPOSE
from tests.ports import free_port
from tests.scale.callers import caller
from tests.scale.replacing import replaced

START_SECONDS = 15
# More checks than one per second, so that tests don't have to wait.
CHECK = "inter 100ms fall 2 rise 2"


@contextmanager
def balancer(servers: Sequence[str], host: str, *, names: int = 0) -> Iterator[int]:
    """Yield the port of a balancer in front of two servers, whose host name is `host`.

    Each server is an address or a name, and a port. `names` is the port of the name server.
    """
    port = free_port()
    config = replaced(
        COMPOSE["configs"]["balancer"]["content"],
        ("$$", "$"),
        ("bind :8000", f"bind 127.0.0.1:{port}"),
        ("web:8000", servers[0]),
        ("web-2:8000", servers[1]),
        ("nameserver dns 127.0.0.11:53", f"nameserver dns 127.0.0.1:{names or free_port()}"),
        ("inter 1s fall 2 rise 2", CHECK),
    )
    with tempfile.TemporaryDirectory(prefix="console-tests-haproxy-") as directory:
        file = Path(directory) / "haproxy.cfg"
        file.write_text(config)
        process = subprocess.Popen(
            ["haproxy", "-db", "-q", "-f", file],
            env={**os.environ, "CONSOLE_HOST": host},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, host, process)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, host: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with caller(port, host) as connection:
            if connection.send("GET", "/healthz/ready").status == 200:
                return
        time.sleep(0.05)
    raise AssertionError("HAProxy did not start.")
