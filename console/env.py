"""Reads the settings from the environment, and reports every wrong one with a way to fix it.

docs/reference/settings.md lists them. Every value can also come from a file, as in
`SECRET_KEY_FILE=/run/secrets/secret_key`.
"""

import base64
import binascii
import os
import re
import sys
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from environ.fileaware_mapping import FileAwareMapping

from accounts.platform.catalog import Platform
from accounts.platform.file import ORIGINAL, InvalidPlatformFile, read_platform
from core import networks

BASE_DIR = Path(__file__).resolve().parent.parent


class _Values(FileAwareMapping):  # type: ignore[misc]
    """Environment variables and files, without the line break at the end of a file."""

    def __getitem__(self, key: str) -> str:
        value: str = super().__getitem__(key)
        return value.rstrip("\r\n") if f"{key}_FILE" in self.env else value


class _Environment(environ.FileAwareEnv):  # type: ignore[misc]
    ENVIRON = _Values()


env = _Environment()

_env_file = os.environ.get("CONSOLE_ENV_FILE", str(BASE_DIR / ".env"))
if "CONSOLE_ENV_FILE" in os.environ and _env_file and not os.access(_env_file, os.R_OK):
    sys.exit(f"The console can't read {_env_file}, which CONSOLE_ENV_FILE names.")
if _env_file and Path(_env_file).is_file():
    env.read_env(_env_file)

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SECRET_KEY_RECIPE = "python -c 'import secrets; print(secrets.token_urlsafe(64))'"
ENCRYPTION_KEY_RECIPE = (
    "python -c 'import base64, secrets; "
    "print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'"
)


class Problems:
    """Collects every wrong setting, so that an operator can fix all of them at once."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def add(self, name: str, problem: str, remedy: str) -> None:
        self._problems.append(f"{name} {problem}. {remedy}")

    def stop_if_any(self) -> None:
        """Stop every start, of the server and of commands, with a message and exit code 1."""
        if self._problems:
            lines = "\n  - ".join(self._problems)
            sys.exit(
                f"The console can't start with these settings:\n  - {lines}\n"
                "See docs/reference/settings.md."
            )


def secret_key(problems: Problems) -> str:
    value: str = env.str("SECRET_KEY", default="")
    if not _is_secret(value):
        problems.add(
            "SECRET_KEY",
            "is missing, too short or not random. It needs at least 50 characters",
            f"Create one with: {SECRET_KEY_RECIPE}",
        )
    return value


def secret_key_fallbacks(problems: Problems) -> list[str]:
    """Former values of `SECRET_KEY`, which still verify what they signed."""
    found: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
    keys = [key.strip() for key in found if key.strip()]
    if not all(map(_is_secret, keys)):
        problems.add(
            "SECRET_KEY_FALLBACKS",
            "contains an entry that is too short or not random",
            "List former values of SECRET_KEY, separated by commas, or unset it.",
        )
    return keys


def _is_secret(value: str) -> bool:
    return len(value) >= 50 and len(set(value)) >= 5 and not value.startswith("django-insecure-")


def key_encryption_keys(problems: Problems) -> list[str]:
    keys: list[str] = [
        key.strip() for key in env.list("KEY_ENCRYPTION_KEYS", default=[]) if key.strip()
    ]
    if not keys or not all(_is_encryption_key(key) for key in keys):
        problems.add(
            "KEY_ENCRYPTION_KEYS",
            "is missing or contains an entry that isn't 32 bytes in base64url",
            f"Create one with: {ENCRYPTION_KEY_RECIPE}",
        )
    return keys


def _is_encryption_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except (binascii.Error, ValueError):
        return False


def origin(problems: Problems, *, demo: bool) -> str:
    """Scheme, host and port at which browsers reach the console, without a trailing slash."""
    default = f"http://localhost:{env.int('PORT', default=8000)}" if demo else ""
    value: str = env.str("ORIGIN", default=default).rstrip("/")
    parts = urlsplit(value)
    if not parts.hostname or parts.path or parts.query:
        problems.add(
            "ORIGIN",
            "is missing or isn't a URL with only a scheme and host",
            "Set it to a URL such as https://developers.example.com.",
        )
    elif demo and parts.hostname not in LOCAL_HOSTS:
        problems.add(
            "ORIGIN",
            f"is {value}, but DEMO=1 uses public passwords, so it works only on localhost",
            "Unset DEMO for a real installation.",
        )
    elif parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        problems.add(
            "ORIGIN",
            "must use https",
            "Put a TLS-terminating proxy in front of the console, and set ORIGIN to its https URL.",
        )
    return value


def base_url(name: str, default: str, problems: Problems) -> str:
    value: str = env.str(f"{name}_BASE_URL", default=default).rstrip("/")
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment:
        problems.add(
            f"{name}_BASE_URL",
            "isn't a URL",
            f"Set it to a URL such as https://{name.lower()}.example.com.",
        )
    elif parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        problems.add(f"{name}_BASE_URL", "must use https", "Apps send secrets and tokens to it.")
    return value


def sender(problems: Problems, *, platform_name: str, origin: str) -> str:
    """The name and the address that emails come from."""
    address = f"console@{_email_domain(urlsplit(origin).hostname or '')}"
    named = formataddr((platform_name, address))
    value: str = env.str("DEFAULT_FROM_EMAIL", default=named if _is_sender(named) else address)
    if not _is_sender(value):
        problems.add(
            "DEFAULT_FROM_EMAIL",
            "isn't an email address, with or without a name",
            "Set it to one such as Developer Console <console@example.com>.",
        )
    return value


def _email_domain(host: str) -> str:
    address = networks.canonical_address(host)
    if address and ":" not in address:
        # An address literal (RFC 5321 §4.1.3).
        return f"[{address}]"
    # The queue of emails accepts no literal of an IPv6 address, and no host without a dot.
    return host if _is_sender(f"console@{host}") else "localhost"


def _is_sender(value: str) -> bool:
    """Whether the queue of emails accepts it."""
    name, address = parseaddr(value)
    try:
        validate_email(address)
    except ValidationError:
        return False
    # The queue looks for the first bracket, and has a column of this length.
    return len(value) <= 254 and "<" not in name


def with_password(url: str, password: str) -> str:
    """The URL of a server, with a password that comes from a setting of its own."""
    if not password:
        return url
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    named = f"{user.partition(':')[0]}:{quote(password, safe='')}@{hosts}"
    return parts._replace(netloc=named).geturl()


# Options in the URL override these. A server that disappeared is given up within seconds.
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def prepare_postgresql(
    database: dict[str, Any], *, is_kept_open: bool, is_behind_pgbouncer: bool
) -> None:
    """Completes the options of a PostgreSQL in `DATABASE_URL`, which can name several hosts."""
    # Each thread keeps its connection for an hour. core/postgresql checks at each request whether
    # it is still open, which costs nothing.
    options = dict(_POSTGRESQL)
    if "," in str(database["HOST"]):
        # A standby can only be read.
        options["target_session_attrs"] = "read-write"
    # psycopg must not prepare statements by itself: the ORM puts values into the text, so hardly
    # any statement comes twice. The hot paths prepare theirs (core/postgresql/prepared.py).
    options["prepare_threshold"] = None
    options |= database.get("OPTIONS", {})
    if is_behind_pgbouncer:
        # In transaction mode the next statement can reach another server connection, on which a
        # cursor that was opened before doesn't exist.
        database["DISABLE_SERVER_SIDE_CURSORS"] = True
    if is_kept_open:
        database.setdefault("CONN_MAX_AGE", 3600)
        database["CONN_HEALTH_CHECKS"] = True
    database |= {"ENGINE": "core.postgresql", "OPTIONS": options}


def previous_base_urls(name: str) -> list[str]:
    urls: list[str] = env.list(f"{name}_PREVIOUS_BASE_URLS", default=[])
    return [url.strip().rstrip("/") for url in urls if url.strip()]


def rate_limit(name: str, default: str, problems: Problems) -> tuple[int, int] | None:
    """Requests and seconds from a value like `60/60`; None for `off`."""
    value: str = env.str(name, default=default).strip().lower()
    if value == "off":
        return None
    parts = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})", value)
    if parts is None:
        problems.add(
            name, "isn't a rate limit", "Use requests/seconds, such as 60/60, or off for no limit."
        )
        return None
    return int(parts[1]), int(parts[2])


def positive(name: str, default: int, problems: Problems) -> int:
    value: str = env.str(name, default=str(default)).strip()
    if re.fullmatch(r"[1-9][0-9]{0,4}", value) is None:
        problems.add(name, "isn't a whole number above 0", f"Use a number such as {default}.")
        return default
    return int(value)


def trusted_proxies(problems: Problems) -> list[str]:
    """Networks in CIDR notation; empty without proxies."""
    try:
        return networks.canonical_networks(
            networks.entries_of(env.str("TRUSTED_PROXIES", default=""))
        )
    except networks.InvalidNetwork as error:
        problems.add("TRUSTED_PROXIES", "isn't a list of networks", str(error.message))
        return []


# RFC 9116 §2.5.3, without the schemes that hardly anyone can follow.
_CONTACT = re.compile(r"mailto:[!-?A-~]+@[A-Za-z0-9.-]+|https://[!-~]+|tel:\+[0-9-]+")
_MAILBOX = re.compile(r"[^:@]+@[^:@]+")


def security_contacts(problems: Problems) -> list[str]:
    """The URIs in `SECURITY_CONTACT`, the preferred one first. An email address becomes one."""
    entries = [entry.strip() for entry in env.list("SECURITY_CONTACT", default=[])]
    contacts = [f"mailto:{entry}" if _MAILBOX.fullmatch(entry) else entry for entry in entries]
    if not all(_CONTACT.fullmatch(contact) for contact in contacts):
        problems.add(
            "SECURITY_CONTACT",
            "isn't a list of email addresses and https URLs",
            "Set it to an address such as security@example.com.",
        )
    return contacts


def platform(problems: Problems) -> Platform:
    """The platform of `PLATFORM_FILE`, which is relative to `manage.py`; or the original one."""
    path = BASE_DIR / (env.str("PLATFORM_FILE", default="") or ORIGINAL)
    try:
        return read_platform(path)
    except InvalidPlatformFile as error:
        lines = "\n    ".join(map(str, error.mistakes))
        problems.add("PLATFORM_FILE", "names a file with mistakes", f"Fix them:\n    {lines}")
        problems.stop_if_any()
        raise


def allowed_hosts(problems: Problems, *, origins: list[str]) -> list[str]:
    """`ALLOWED_HOSTS`; by default exactly the hosts in the configured URLs."""
    hosts: list[str] = env.list("ALLOWED_HOSTS", default=[])
    if "*" in hosts:
        problems.add(
            "ALLOWED_HOSTS",
            "allows every host",
            "List the host names, or unset it to allow the hosts of ORIGIN and the base URLs.",
        )
    named = [host for host in (urlsplit(origin).hostname for origin in origins) if host]
    if any(host in LOCAL_HOSTS for host in named):
        named += ["localhost", "127.0.0.1", "[::1]"]
    return sorted(set(hosts or named))


def make_private_database(path: Path) -> None:
    """Creates the file of an SQLite database, and its directory, for their owner alone.

    An existing file or directory keeps its mode.
    """
    # SQLite would create the file with the mode that the umask allows. Its journals get the mode of
    # the file.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
