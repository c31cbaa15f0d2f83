"""`make example` runs the console, the orders API, and nginx in front of that API, on localhost.

The console keeps its data and secrets in data/orders, separate from those of `make run`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.demo_env import RefusedError, origin_for, require_free, updated, write_demo_env

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_SECONDS = 60
STOP_SECONDS = 10

Process = subprocess.Popen[bytes]


class Stopped(Exception):
    """The example can't start or continue, and the message says why."""


@dataclass(frozen=True)
class Ports:
    console: int
    gateway: int
    service: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Ports":
        """Raises `RefusedError` if a value isn't a port number, or if the port is in use."""
        defaults = {"PORT": "8000", "GATEWAY_PORT": "8080", "SERVICE_PORT": "8081"}
        chosen = {name: environment.get(name) or default for name, default in defaults.items()}
        for name, port in chosen.items():
            origin_for(port, name)
            require_free(int(port), f"{name}=8123 make example")
        return cls(*map(int, chosen.values()))


def console_environment(directory: Path, ports: Ports) -> dict[str, str]:
    env_file = directory / ".env"
    write_demo_env(env_file, origin_for(str(ports.console)))
    own = {
        "DATABASE_URL": f"sqlite:///{directory / 'console.sqlite3'}",
        "PLATFORM_FILE": str(HERE / "platform.toml"),
        # nginx sends the caller's IP address.
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    # So that manage.py commands with this file use the same database and platform.
    env_file.write_text(updated(env_file.read_text(), own))
    return os.environ | own | {"CONSOLE_ENV_FILE": str(env_file), "PORT": str(ports.console)}


def nginx_configuration(directory: Path, ports: Ports) -> Path:
    text = (HERE / "nginx.conf").read_text()
    for name, value in (
        ("{directory}", str(directory)),
        ("{port}", str(ports.gateway)),
        ("{console}", f"http://127.0.0.1:{ports.console}"),
        ("{console_host}", f"localhost:{ports.console}"),
        ("{service}", f"http://127.0.0.1:{ports.service}"),
    ):
        text = text.replace(name, value)
    if os.geteuid() == 0:
        # By default, nginx runs its worker as a user who can't write to the directory.
        text = f"user root;\n{text}"
    path = directory / "nginx.conf"
    path.write_text(text)
    return path


@contextmanager
def started(
    name: str, command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Start a program, wait until it listens on the port, and stop it at the end."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _wait_until_open(name, process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(name: str, process: Process, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise Stopped(f"{name} didn't start.")


def prepare(environment: Mapping[str, str]) -> None:
    manage = [sys.executable, "manage.py"]
    for command in (
        ["make", "--silent", "collectstatic"],
        [*manage, "migrate", "--verbosity", "0"],
        [*manage, "seed_demo", "--if-empty"],
    ):
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            raise Stopped(f"{' '.join(command)} failed.")


def run(directory: Path, tell: Callable[[str], None] = print) -> None:
    """Run the three programs until one of them exits. Raises `Stopped` or `RefusedError`."""
    # SIGTERM stops the three programs, as Ctrl+C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ports = Ports.of(os.environ)
    if not shutil.which("nginx"):
        raise Stopped("Install nginx first. On Debian and Ubuntu: sudo apt-get install nginx")
    directory.mkdir(parents=True, exist_ok=True)
    environment = console_environment(directory, ports)
    prepare(environment)
    configuration = nginx_configuration(directory, ports)
    serve = ["bin/serve", "--host", "127.0.0.1"]
    granian = [sys.executable, "-m", "granian", "--interface", "asgi", "--log-level", "error"]
    service = [*granian, "--port", str(ports.service), "examples.orders.service:app"]
    nginx = ["nginx", "-p", str(directory), "-c", str(configuration)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(program)
            for program in (
                started("The console", serve, ports.console, environment),
                started("The orders API", service, ports.service),
                started("nginx", nginx, ports.gateway),
            )
        ]
        tell(f"\nConsole      http://localhost:{ports.console}")
        tell(f"Orders API   http://localhost:{ports.gateway}/orders\n")
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
        raise Stopped("One of the three programs exited, so we stopped the others.")


def main() -> int:
    try:
        run(ROOT / "data" / "orders")
    except KeyboardInterrupt:
        return 0
    except (Stopped, RefusedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
