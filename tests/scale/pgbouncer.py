"""The real pgbouncer of Debian in transaction mode, in front of a database, on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tests.plugins.postgres import free_port

START_SECONDS = 15


@contextmanager
def pgbouncer(database_url: str, *, connections: int, config: str) -> Iterator[str]:
    """Shares a few server connections among everybody who connects to the URL that it yields.

    `config` is what an operator writes, without addresses and names.
    """
    parts = urlsplit(database_url)
    port = free_port()
    # It refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="console-tests-pgbouncer-") as name:
        directory = Path(name)
        files = {
            "users.txt": f'"{parts.username}" "{unquote(parts.password or "")}"\n',
            "pgbouncer.ini": (
                f"[databases]\nconsole = host={parts.hostname} port={parts.port}"
                f" dbname={parts.path[1:]}\n"
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
                f"auth_type = scram-sha-256\nauth_file = {directory}/users.txt\n"
                f"default_pool_size = {connections}\n{config}"
            ),
        }
        for file, text in files.items():
            (directory / file).write_text(text)
        if user:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        process = subprocess.Popen(
            ["pgbouncer", "--quiet", directory / "pgbouncer.ini"],
            stderr=subprocess.DEVNULL,
            user=user,
        )
        try:
            _wait_for(port, process)
            password = quote(unquote(parts.password or ""), safe="")
            yield f"postgresql://{parts.username}:{password}@127.0.0.1:{port}/console"
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("pgbouncer did not start.")
