"""The measured servers, each one granian process on one core, and their CPU time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port, is_open

ROOT = Path(__file__).resolve().parents[1]
# As in bin/serve.
THREADS = 8
START_SECONDS = 60
# The command line of the server for peers and the floor, as close to `bin/serve` as possible.
GRANIAN = (
    *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
    *("--log-level", "error"),
    *("--workers", "1", "--blocking-threads", str(THREADS)),
)


@dataclass(frozen=True)
class Cores:
    """The server has one core. PostgreSQL and the load client share the other."""

    server: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("The benchmark needs two cores: one for the server, one for the rest.")
        return cls(frozenset(cores[:1]), frozenset(cores[1:2]))

    def keep_others(self) -> None:
        """Keeps this process, and those that it starts from now on, off the server's core."""
        os.sched_setaffinity(0, self.others)

    def keep_server(self) -> None:
        os.sched_setaffinity(0, self.server)


@dataclass
class Server:
    """Starts when someone first waits for it, so that what isn't measured uses no CPU."""

    command: Sequence[str]
    environment: Mapping[str, str]
    pin: Callable[[], None]
    log: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = self._started()
        return self._process

    def wait(self) -> None:
        """Until it listens."""
        process, deadline = self.process, time.monotonic() + START_SECONDS
        while not is_open(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"A server did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        self.port = free_port()
        with self.log.open("wb") as output:
            return subprocess.Popen(
                [part.replace("{port}", str(self.port)) for part in self.command],
                cwd=ROOT,
                env={
                    **os.environ,
                    **self.environment,
                    "PYTHONPATH": str(ROOT),
                    "PORT": str(self.port),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=self.pin,  # noqa: PLW1509 - before any thread of ours
            )


class CpuClock:
    """User and system time of a process and its children, in nanosecond resolution."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._read()

    def seconds(self) -> float:
        """Since it was made; without what has ended meanwhile."""
        now = self._read()
        return sum(used - self._before.get(pid, 0.0) for pid, used in now.items())

    def _read(self) -> dict[int, float]:
        return {pid: used for pid in _family(self._pid) if (used := _cpu_seconds(pid)) is not None}


def parent_of(pid: int) -> int:
    # After the name, which may hold anything, come the state and the parent.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from _family(int(child))


def _cpu_seconds(pid: int) -> float | None:
    """None if the process ended after it was listed."""
    # The ID of another process's CPU clock on Linux, as in clock_getcpuclockid(3).
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None
