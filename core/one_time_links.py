"""Keeps the secrets of one-time links out of the log, no matter which library writes the line.

Anyone who reads the path of an invitation, a password reset or an email confirmation can use it.
Django and the server put paths into lines of their own, for example when they refuse a request.
"""

import re
from typing import Any

# A slash, also in a parameter such as `next`, where it is percent-encoded at least once.
_SLASH = "(?:/|%(?:25)*2F)"
# The console's own pages about invitations have IDs instead.
_BEFORE_SECRET = (
    f"{_SLASH}(?:(?<!access/)invitations|password{_SLASH}reset{_SLASH}key|confirm-email){_SLASH}"
)
_LINK = re.compile(_BEFORE_SECRET, re.IGNORECASE)
# Up to the end of the line or of the JSON string, because a path can hold blanks. Other characters
# are escaped in JSON.
_LINK_IN_JSON = re.compile(rf'({_BEFORE_SECRET})(?:[^"\\\n]|\\\\|\\u[0-9a-f]{{4}})+', re.IGNORECASE)


def path_without_secret(path: str) -> str:
    found = _LINK.search(path)
    return f"{path[: found.end()]}..." if found else path


def redact_line(logger: Any, method: str, line: str) -> str:
    """The last processor of structlog. The line is JSON, with its traceback if it has one."""
    return _LINK_IN_JSON.sub(r"\1...", line)
