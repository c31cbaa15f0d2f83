"""What `manage.py check --deploy` says about an installation, beside Django's own checks."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, InterfaceError, connection

from accounts.models import AuditEvent
from console.env import LOCAL_HOSTS

# True for superusers as well. A table that doesn't exist has no owner.
_OWNS_TABLE = """
    SELECT current_user FROM pg_class
    WHERE oid = to_regclass(%s) AND pg_has_role(current_user, relowner, 'MEMBER')
"""


@checks.register(checks.Tags.security, deploy=True)
def database_role(**_: Any) -> list[checks.CheckMessage]:
    """Whether the console could change its tables, and so its audit log."""
    if connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(_OWNS_TABLE, [AuditEvent._meta.db_table])
            owner = cursor.fetchone()
    except (DatabaseError, InterfaceError):
        # `/healthz/ready` reports this.
        return []
    if owner is None:
        return []
    return [
        checks.Warning(
            f"The console connects to the database as {owner[0]}, which owns its tables.",
            hint="Create a role with fewer rights with bin/database-roles.sql, and put it into "
            "DATABASE_URL. Only `migrate` needs the owner.",
            id="console.W001",
        )
    ]


@checks.register(checks.Tags.security, deploy=True)
def encrypted_connections(**_: Any) -> list[checks.CheckMessage]:
    """Whether secrets or data of people cross a network that others can read."""
    plain = {"database": _plain_database(), "cache": _plain_cache(), "email": _plain_email()}
    remedies = {
        "database": "Add ?sslmode=verify-full and sslrootcert to DATABASE_URL",
        "cache": "Begin CACHE_URL with rediss://",
        "email": "Begin EMAIL_URL with smtp+tls:// or smtp+ssl://",
    }
    return [
        checks.Warning(
            f"The console connects to {host} ({name}) without TLS that verifies the server.",
            hint=f"{remedies[name]}, or name {name} in PLAINTEXT_CONNECTIONS if no one else can "
            "read that network.",
            id="console.W002",
        )
        for name, host in plain.items()
        if host and name not in settings.PLAINTEXT_CONNECTIONS
    ]


def _plain_database() -> str:
    database = connection.settings_dict
    options = database.get("OPTIONS", {})
    hosts = str(database.get("HOST", "")).split(",")
    return "" if options.get("sslmode") == "verify-full" else _first_remote(hosts)


def _plain_cache() -> str:
    location = settings.CACHES["default"].get("LOCATION", "")
    urls = [urlsplit(url) for url in ([location] if isinstance(location, str) else location)]
    return _first_remote(
        url.hostname or ""
        for url in urls
        if url.scheme != "rediss"
        or parse_qs(url.query).get("ssl_cert_reqs", ["required"]) != ["required"]
    )


def _plain_email() -> str:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        return ""
    has_tls = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    return "" if has_tls else _first_remote([settings.EMAIL_HOST])


def _first_remote(hosts: Iterable[str]) -> str:
    # A path is a socket of this machine.
    remote = (host for host in hosts if host not in LOCAL_HOSTS and not host.startswith("/"))
    return next(filter(None, remote), "")
