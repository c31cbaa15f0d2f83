"""Whether a request failed because the database was away, and what its caller is told.

Nothing is granted, accepted or half-saved in that case, so callers can try again. The same answer
serves while `KEY_ENCRYPTION_KEYS` lacks a key, which the operator has to restore or replace.
"""

import sys
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError

from core import vault

AWAY_MESSAGE = "The service is temporarily unavailable. Try again in a moment."
CODE = "CMN-201"
# RFC 9110 §15.6.4 and §10.2.3. A standby takes over within a few seconds.
STATUS = 503
HEADERS = {"Retry-After": "2"}
# SQLSTATE read_only_sql_transaction: the server is a standby, or has become one.
_READ_ONLY = "25006"


def is_away(error: BaseException | None) -> bool:
    """Whether no database took the statement. An error in the statement itself doesn't count."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    return getattr(cause, "sqlstate", None) == _READ_ONLY


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the operator has to act, and not the code to change: the error needs no traceback."""
    return is_away(error) or isinstance(error, vault.Unreadable)


def in_one_line(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    found = event.get("exc_info")
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, Exception) and is_unavailable(error):
        del event["exc_info"]
        event["error"] = str(error).strip().partition("\n")[0]
        if event.get("code") == 500:
            # This is logged before the answer is made, which will have this status.
            event["code"] = STATUS
    return event
