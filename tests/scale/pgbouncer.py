"""Debian's pgbouncer in transaction mode, in front of a database on loopback."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tests.house.compose import COMPOSE, SERVICES, interpolated_in
from tests.plugins.postgres import server_user
from tests.ports import START_SECONDS, free_port, wait_until_open
from tests.scale.replacing import replaced


@contextmanager
def pgbouncer(database_url: str, *, connections: int) -> Iterator[str]:
    """Yield a URL whose clients share a few server connections.

    It uses the configuration of docker-compose.yml with the addresses of this test.
    """
    parts = urlsplit(database_url)
    port = free_port()
    user = server_user()
    with tempfile.TemporaryDirectory(prefix="console-tests-pgbouncer-") as name:
        directory = Path(name)
        config = replaced(
            COMPOSE["configs"]["pgbouncer"]["content"],
            ("${POSTGRES_PRIMARY:-postgres} port=5432", f"{parts.hostname} port={parts.port}"),
            ("dbname=console", f"dbname={parts.path[1:]}"),
            ("listen_addr = *", "listen_addr = 127.0.0.1"),
            ("listen_port = 6432", f"listen_port = {port}"),
            ("auth_file = /tmp", f"auth_file = {directory}"),
            ("default_pool_size = 20", f"default_pool_size = {connections}"),
        )
        *shell, script = interpolated_in(SERVICES["pgbouncer"]["command"], {})
        script = replaced(
            script,
            ('"console" ', f'"{parts.username}" '),
            ("> /tmp", f"> {directory}"),
            ("/run/secrets", str(directory)),
            ("pgbouncer /etc/console.ini", f"pgbouncer --quiet {directory}/pgbouncer.ini"),
        )
        files = {
            "postgres_password": unquote(parts.password or ""),
            "console_app_password": "unused",
            "pgbouncer.ini": config,
        }
        for file, text in files.items():
            (directory / file).write_text(text)
        if user:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        process = subprocess.Popen(
            [*shell, script],
            stderr=subprocess.DEVNULL,
            user=user,
        )
        try:
            wait_until_open(port, process, "pgbouncer")
            password = quote(unquote(parts.password or ""), safe="")
            yield f"postgresql://{parts.username}:{password}@127.0.0.1:{port}/console"
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)
