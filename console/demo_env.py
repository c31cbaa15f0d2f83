"""`python -m console.demo_env` writes the `.env` of the demo that `make run` starts.

Secrets are created once and kept. When PORT moves the demo, its former base URLs become previous
ones, so that credentials issued under them still work. This module uses only the standard library,
and never changes the `.env` of a real installation.
"""

import base64
import errno
import os
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
ENVIRONMENTS = ("sandbox", "production")
HEADER = "# Written by console/demo_env.py for `make run`. Holds secrets: keep it out of git.\n"

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
_TRUE = {"true", "on", "ok", "y", "yes", "1"}


class RefusedError(Exception):
    """The demo can't be set up, and the message says why."""


def origin_for(port: str, name: str = "PORT") -> str:
    if not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise RefusedError(f"{name} is {port!r}, but must be a number from 1 to 65535.")
    # Browsers leave the default port out of the origin they send.
    return "http://localhost" if int(port) == 80 else f"http://localhost:{int(port)}"


def require_free(port: int, alternative: str = "PORT=8123 make run") -> None:
    # granian shares its port (SO_REUSEPORT), so two demos on one port would share the requests.
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            # With any other error, this machine has no IPv6, or the server will report it.
            if error.errno == errno.EADDRINUSE:
                raise RefusedError(
                    f"Port {port} is in use. Stop the program that uses it, or choose another "
                    f"port: {alternative}"
                ) from None


def values_in(text: str) -> dict[str, str]:
    matches = filter(None, map(_ASSIGNMENT.match, text.splitlines()))
    return {match[1]: _unquoted(match[2]) for match in matches}


def demo_values(existing: Mapping[str, str], origin: str) -> dict[str, str]:
    values = {"DEMO": "1", "ORIGIN": origin}
    if not existing.get("SECRET_KEY"):
        values["SECRET_KEY"] = secrets.token_urlsafe(64)
    if not existing.get("KEY_ENCRYPTION_KEYS"):
        values["KEY_ENCRYPTION_KEYS"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    former = existing.get("ORIGIN", origin).rstrip("/")
    if former != origin:
        for environment in ENVIRONMENTS:
            values |= _previous_base_urls(existing, environment, former, origin)
    return values


def updated(text: str, values: Mapping[str, str]) -> str:
    remaining = dict(values)
    lines = []
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        name = match[1] if match else ""
        lines.append(f"{name}={remaining.pop(name)}" if name in remaining else line)
    lines += [f"{name}={value}" for name, value in remaining.items()]
    return "\n".join(lines) + "\n"


def write_demo_env(path: Path, origin: str) -> None:
    text = path.read_text() if path.exists() else None
    existing = values_in(text or "")
    if text is not None and existing.get("DEMO", "").lower() not in _TRUE:
        raise RefusedError(
            f"{path} has no DEMO=1, so it belongs to a real installation. It is unchanged.\n"
            "`make run` starts only the demo. Move the file, or add DEMO=1 if it's a demo."
        )
    _write_private(path, updated(text or HEADER, demo_values(existing, origin)))


def _previous_base_urls(
    existing: Mapping[str, str], environment: str, former: str, origin: str
) -> dict[str, str]:
    if existing.get(f"{environment.upper()}_BASE_URL"):
        return {}  # It has a host of its own, which doesn't move with the port.
    name = f"{environment.upper()}_PREVIOUS_BASE_URLS"
    known = [url.strip() for url in existing.get(name, "").split(",") if url.strip()]
    urls = dict.fromkeys([*known, f"{former}/{environment}"])
    urls.pop(f"{origin}/{environment}", None)
    return {name: ",".join(urls)}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _write_private(path: Path, text: str) -> None:
    # Replaces the file in one step. Only its owner can read the temporary file.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".env.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def main() -> int:
    port = os.environ.get("PORT") or "8000"
    try:
        origin = origin_for(port)
        require_free(int(port))
        write_demo_env(ENV_FILE, origin)
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
