"""Whether a request failed because the database was away, and what its caller is told. Pure.

Nothing is granted, accepted or half-saved then: whoever asked may ask again.
"""

import sys
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError

MESSAGE = "The service is temporarily unavailable. Try again in a moment."
CODE = "CMN-201"
# RFC 9110 §15.6.4, §10.2.3. Seconds: a standby takes over within a few.
STATUS = 503
HEADERS = {"Retry-After": "2"}
# SQLSTATE read_only_sql_transaction: a server that is a standby, or has become one.
_READ_ONLY = "25006"


def is_away(error: BaseException | None) -> bool:
    """Whether no database could take a statement, rather than what was wrong with it."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    return getattr(cause, "sqlstate", None) == _READ_ONLY


def in_one_line(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: while the database is away, no request fills the log with frames."""
    found = event.get("exc_info")
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, Exception) and is_away(error):
        del event["exc_info"]
        event["error"] = str(error).strip().partition("\n")[0]
        if event.get("code") == 500:
            # Written before the answer is made.
            event["code"] = STATUS
    return event
