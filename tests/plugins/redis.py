"""A temporary Redis server on loopback, for the tests that need one."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.ports import free_port

START_SECONDS = 20


class RedisServer:
    """Keeps nothing on disk. Can be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        executable = shutil.which("redis-server")
        if executable is None:
            pytest.fail(
                "No redis-server found. On Debian: apt-get install redis-server", pytrace=False
            )
        settings = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        arguments = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [executable, *arguments], cwd=self._directory, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.client().ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        pytest.fail("redis-server did not start.", pytrace=False)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="console-tests-redis-") as directory:
        server = RedisServer(Path(directory))
        server.start()
        yield server
        server.kill()
