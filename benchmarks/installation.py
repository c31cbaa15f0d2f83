"""An installation to measure, with its own PostgreSQL and settings like those of `make run`."""

import base64
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.core.management import call_command

from tests.plugins.postgres import SERVER_SETTINGS, PostgresServer, find_binaries
from tests.static_files import collect_static_files

ORIGIN = "http://localhost:8000"
# Durable like real installations. Everything else is the default of PostgreSQL.
SERVER = {
    **SERVER_SETTINGS,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "512MB",
    # Every server keeps a connection for each of its threads.
    "max_connections": "300",
}


@contextmanager
def installation() -> Iterator[None]:
    """Sets up Django and creates every table. Everything is deleted at the end."""
    server = PostgresServer(find_binaries(), settings=SERVER)
    try:
        os.environ |= {
            "CONSOLE_ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "DATABASE_URL": server.start(),
            "DEMO": "1",
            "EMAIL_URL": "dummymail://",
            "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "LOG_LEVEL": "ERROR",
            "ORIGIN": ORIGIN,
            "SECRET_KEY": secrets.token_urlsafe(64),
        }
        django.setup()
        collect_static_files()
        call_command("migrate", verbosity=0)
        yield
    finally:
        server.stop()
