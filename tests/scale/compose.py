"""docker-compose.yml without Docker: its services as processes on loopback.

Commands, environments, configurations and health checks are the file's own, and so are the values
that docs/how-to/install.md and docs/how-to/scale.md write into production.env. Replaced are
addresses, ports and paths, and nothing that is not there (`replaced`). What Docker itself does is
not in it: networks, volumes, images, restarts. Of the images their programs are here, and what
PostgreSQL's does before it runs a command (`_ENTRYPOINT`).
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from tests.house.sources import ROOT
from tests.house.test_tooling import COMPOSE, DOCKERFILE, SERVICES
from tests.plugins.postgres import (
    descendants_of,
    end_with_parent,
    find_binaries,
    reachable,
    server_user,
)
from tests.ports import free_port
from tests.scale.replacing import replaced

# Seconds; between two looks at something that takes a while, on a machine that is busy enough.
PATIENCE, PAUSE = 30.0, 0.2
# Where the services listen, each in its container.
PORTS = {
    "web": 8000,
    "web-2": 8000,
    "balancer": 8000,
    "pgbouncer": 6432,
    "postgres": 5432,
    "standby": 5432,
    "redis": 6379,
    # Of the docs. Nobody listens there, so mail waits.
    "mail.example.com": 587,
}
DATABASES = {"postgres", "standby"}
# Programs that refuse to run as root; their images have a user for them.
NOT_ROOT = {*DATABASES, "pgbouncer"}
_PREFIX = ["docker", "compose", "--env-file", "production.env"]
_REMOVE = ["docker", "volume", "rm"]
# What the image of PostgreSQL runs commands through: an empty volume gets a superuser and a
# database. Here servers listen on loopback only, and keep nothing for a crash of this machine.
_ENTRYPOINT = """#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > password
    initdb --username="$POSTGRES_USER" --pwfile=password --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync
    rm password
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$PGHOST'"
        echo "fsync = off"
    } >> "$PGDATA/postgresql.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -j postgres
fi
exec "$@"
"""
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?P<rest>(?:[^{}]|\{[^{}]*\})*)\})")


class MissingError(Exception):
    """A variable that `${NAME:?what it is}` asks for."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """As Compose does it: `$$`, `${X}`, `${X:-otherwise}` and `${X:?refusal}`."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, operator, rest = match["name"], match["rest"][:2], match["rest"][2:]
        assert operator in ("", ":-", ":?"), match[0]
        found = variables.get(name, "")
        if found or not operator:
            return found
        if operator == ":?":
            raise MissingError(f"{name}: {rest}")
        return interpolated(rest, variables)

    assert "$" not in _VARIABLE.sub("", text), f"A dollar sign that is no variable: {text}"
    return _VARIABLE.sub(value, text)


def interpolated_in(part: Any, variables: Mapping[str, str]) -> Any:
    """The same for every string of a part of the file."""
    if isinstance(part, str):
        return interpolated(part, variables)
    if isinstance(part, list):
        return [interpolated_in(one, variables) for one in part]
    if isinstance(part, dict):
        return {key: interpolated_in(one, variables) for key, one in part.items()}
    return part


def shell_block(page: str, containing: str) -> list[str]:
    """The commands of the one block of a page that has this text: here documents in one piece."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL
    )
    (block,) = (block for block in blocks if containing in block)
    return re.findall(r"^.*<<'END'\n(?:.*\n)*?END$|^.+$", block, re.MULTILINE)


def image_of_the_console() -> tuple[dict[str, str], list[str]]:
    """Environment and command of the last stage of the Dockerfile, whose /app is this directory."""
    stage = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :].replace("\\\n", " ")
    (variables,) = re.findall(r"^ENV (.*)$", stage, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.*)$", stage, re.MULTILINE)
    environment = dict(word.split("=", 1) for word in shlex.split(variables))
    environment["PATH"] = replaced(
        environment["PATH"], ("/app/", f"{ROOT}/"), ("$PATH", os.environ["PATH"])
    )
    assert "WORKDIR /app\n" in stage
    return environment, json.loads(command)


@dataclass
class Container:
    """A service as it is when it is made: later changes of production.env do not reach it."""

    name: str
    service: dict[str, Any] = field(repr=False)
    """Its part of the file."""
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    check: list[str]
    """Its health check; empty if it has none."""
    directory: Path
    """What it has on its own disk; a volume."""
    workdir: Path
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.workdir,
                env=self.environment,
                user=self.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command beside it, as `docker compose exec` has it."""
        return subprocess.run(
            command,
            cwd=self.workdir,
            env=self.environment,
            user=self.user,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @property
    def is_healthy(self) -> bool:
        return self.is_up and self.run(*self.check).returncode == 0

    def wait_until_healthy(self) -> None:
        assert self.check
        wait_until(lambda: self.is_healthy, f"{self.name} is not healthy", self)

    def kill(self) -> None:
        """Without warning, with all that it started."""
        if self.process is not None:
            started = descendants_of(self.process.pid)
            with suppress(ProcessLookupError):
                # Also what has outlived the first process, if it is of its group.
                os.killpg(self.process.pid, signal.SIGKILL)
            for pid in started:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """As Docker does it to a PostgreSQL, whose image says SIGINT; nothing if it has ended."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=PATIENCE)


def wait_until(come: Callable[[], bool], otherwise: str, *containers: Container) -> None:
    deadline = time.monotonic() + PATIENCE
    while not come():
        if time.monotonic() > deadline:
            logs = "\n".join(f"== {one.name}\n{one.log[-3000:]}" for one in containers)
            raise AssertionError(f"{otherwise}\n{logs}")
        time.sleep(PAUSE)


class Project:
    """What the commands of the docs do with the file, in a directory that has production.env."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Others of this machine go through it, and do not look into it.
        directory.chmod(0o711)
        self.containers: dict[str, Container] = {}
        self._ports = {name: free_port() for name in PORTS}
        self._binaries = reachable(find_binaries(), directory)
        # Of PostgreSQL, for who is on its machine; `/var/run/postgresql` in the image.
        self._sockets = directory / "sockets"
        self._make_private(self._sockets, server_user())
        self._programs = directory / "bin"
        self._programs.mkdir()
        entrypoint = self._programs / "docker-entrypoint.sh"
        entrypoint.write_text(_ENTRYPOINT)
        entrypoint.chmod(0o755)

    @staticmethod
    def _make_private(directory: Path, user: str | None) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        if user:
            shutil.chown(directory, user)

    def port(self, name: str) -> int:
        return self._ports[name]

    @property
    def variables(self) -> dict[str, str]:
        lines = (self._directory / "production.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def follow(self, commands: Sequence[str]) -> str:
        """Do what a page says; answers what the last command of a container said."""
        said = ""
        for command in commands:
            words = shlex.split(command)
            if words[:3] == _REMOVE:
                self._remove_volume(words[-1])
            elif words[0] == "docker":
                assert words[:4] == _PREFIX, command
                said = self._compose(words[4:])
            else:
                subprocess.run(["sh", "-ec", command], cwd=self._directory, check=True)
        return said

    def _compose(self, words: list[str]) -> str:
        match words:
            case ["up", "-d"]:
                self._up()
            case ["up", "-d", "--no-deps", *names]:
                for name in names:
                    self._start(name)
            case ["exec", name, *command]:
                return _succeeded(self.containers[name].run(*command))
            case ["run", "--rm", name, *command]:
                return _succeeded(self._container(name).run(*command))
            case _:
                self._stop(words)
        return ""

    def _stop(self, words: list[str]) -> None:
        name = words[-1]
        assert words in (["stop", name], ["restart", name], ["rm", "--stop", "--force", name])
        self.containers[name].stop()
        if words[0] == "restart":
            self.containers[name].start()
        elif words[0] == "rm":
            del self.containers[name]

    def _remove_volume(self, name: str) -> None:
        service = name.removeprefix(f"{COMPOSE['name']}_")
        assert service != name
        assert SERVICES[service]["volumes"] == [f"{service}:/var/lib/postgresql"]
        # Docker refuses while a container has it.
        assert service not in self.containers
        shutil.rmtree(self._directory / service)

    def _up(self) -> None:
        """Everything of the chosen profiles, each when what it waits for is there."""
        profiles = self.variables["COMPOSE_PROFILES"].split(",")
        chosen = {
            name: {
                needed: condition["condition"]
                for needed, condition in service.get("depends_on", {}).items()
            }
            for name, service in SERVICES.items()
            if set(service.get("profiles", profiles)).intersection(profiles)
        }
        for name in TopologicalSorter(chosen).static_order():
            for needed, condition in chosen[name].items():
                self._wait_for(needed, condition)
            self._start(name)

    def _wait_for(self, name: str, condition: str) -> None:
        container = self.containers[name]
        if condition == "service_healthy":
            container.wait_until_healthy()
        elif condition == "service_completed_successfully":
            assert container.process
            done = container.process.wait(timeout=2 * PATIENCE)
            assert done == 0, container.log

    def _start(self, name: str) -> None:
        """Made anew is a container whose part of the file has changed, as Compose does it.

        What has changed in a configuration is no reason.
        """
        former = self.containers.get(name)
        if former and former.service == self._service(name):
            assert former.is_up
            return
        if former:
            former.kill()
        self.containers[name] = self._container(name)
        self.containers[name].start()

    def _service(self, name: str) -> dict[str, Any]:
        service: dict[str, Any] = interpolated_in(SERVICES[name], self.variables)
        return service

    def close(self) -> None:
        for container in self.containers.values():
            container.kill()

    def _container(self, name: str) -> Container:
        service = self._service(name)
        directory = self._directory / name
        user = server_user() if name in NOT_ROOT else None
        self._make_private(directory, user)
        command, environment = self._image(name)
        for variable, value in service.get("environment", {}).items():
            environment[variable] = self._on_loopback(str(value))
        paths = self._write_configurations(service, directory)
        command = [self._on_loopback(word, *paths) for word in service.get("command", command)]
        check = service.get("healthcheck", {}).get("test", ["CMD"])
        assert check[0] == "CMD"
        container = Container(
            name,
            service,
            command,
            environment,
            check[1:],
            directory,
            workdir=ROOT if service["image"] == "developer-console" else directory,
            user=user,
        )
        self._move(container)
        return container

    def _image(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Command and environment that come with the image; where the container listens."""
        directory, port = self._directory / name, str(self._ports.get(name, ""))
        common = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(directory)}
        if SERVICES[name]["image"] == "developer-console":
            environment, command = image_of_the_console()
            # A .env is not in the image.
            here = {"GRANIAN_HOST": "127.0.0.1", "PORT": port} if port else {}
            return command, common | environment | here | {"CONSOLE_ENV_FILE": ""}
        if name == "pgbouncer":
            lines = SERVICES[name]["build"]["dockerfile_inline"]
            (found,) = re.findall(r"^CMD (.*)$", lines, re.MULTILINE)
            return json.loads(found), common
        if name in DATABASES:
            # Both the server and its clients take the port from there.
            common["PATH"] = f"{self._programs}:{self._binaries}:{common['PATH']}"
            return [], common | {
                "PGDATA": str(directory / "data"),
                "PGHOST": str(self._sockets),
                "PGPORT": port,
            }
        return [], common

    def _write_configurations(
        self, service: Mapping[str, Any], directory: Path
    ) -> list[tuple[str, str]]:
        """The service's files; answers what their paths have become."""
        targets = {one["source"]: one["target"] for one in service.get("configs", [])}
        paths = {target: directory / Path(target).name for target in targets.values()}
        moved = [(there, str(here)) for there, here in paths.items()]
        for source, target in targets.items():
            text = interpolated(COMPOSE["configs"][source]["content"], self.variables)
            paths[target].write_text(
                self._moved_configuration(source, self._on_loopback(text, *moved))
            )
            paths[target].chmod(0o444)
        return moved

    def _on_loopback(self, text: str, *paths: tuple[str, str]) -> str:
        """Addresses of services and paths of configurations, wherever they stand."""
        for name, port in PORTS.items():
            text = re.sub(
                rf"(?<![\w-]){re.escape(name)}:{port}\b", f"127.0.0.1:{self._ports[name]}", text
            )
        for there, here in paths:
            text = text.replace(there, here)
        return text

    def _moved_configuration(self, source: str, text: str) -> str:
        if source == "balancer":
            return replaced(text, ("bind :8000", f"bind 127.0.0.1:{self.port('balancer')}"))
        if source == "pgbouncer":
            primary = self.variables.get("POSTGRES_PRIMARY", "postgres")
            return replaced(
                text,
                ("listen_addr = *", "listen_addr = 127.0.0.1"),
                ("listen_port = 6432", f"listen_port = {self.port('pgbouncer')}"),
                (f"host={primary} port=5432", f"host=127.0.0.1 port={self.port(primary)}"),
            )
        return text

    def _move(self, container: Container) -> None:
        """What is left in its command and its check: ports that it does not get from elsewhere."""
        match container.name:
            case "web" | "web-2":
                there, here = "//127.0.0.1:8000/", f"//127.0.0.1:{self.port(container.name)}/"
                container.check[-1] = replaced(container.check[-1], (there, here))
            case "redis":
                port = str(self.port("redis"))
                container.command += ["--bind", "127.0.0.1", "--port", port]
                assert container.check[0] == "redis-cli"
                container.check[1:1] = ["-p", port]
            case "postgres" | "standby":
                primary = self.port(container.environment["POSTGRES_PRIMARY"])
                there, here = "--host=$POSTGRES_PRIMARY ", f"--host=127.0.0.1 --port={primary} "
                container.command[-1] = replaced(container.command[-1], (there, here))


def _succeeded(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def project(directory: Path) -> Iterator[Project]:
    made = Project(directory)
    try:
        yield made
    finally:
        made.close()
