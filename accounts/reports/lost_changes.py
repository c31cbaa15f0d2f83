"""What a restored database doesn't know: changes that exports of audit logs and the log tell of."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from accounts.audit_chain import Document, plain
from accounts.models import AuditEvent, AuditKind

COMPARED_AT_ONCE = 500
# What ended access. Until someone does it again, the access is back.
ENDINGS = frozenset(
    {
        AuditKind.JWT_CREDENTIAL_REVOKED,
        AuditKind.JWT_CREDENTIAL_REPORTED,
        AuditKind.JWT_CREDENTIAL_REPLACED,
        AuditKind.CLIENT_SECRET_REPLACED,
        AuditKind.CLIENT_SECRET_ENDED,
        AuditKind.CLIENT_SUSPENDED,
        AuditKind.APPLICATION_SUSPENDED,
        AuditKind.APPLICATION_RETIRED,
        AuditKind.ORGANIZATION_SUSPENDED,
        AuditKind.MEMBERSHIP_DEACTIVATED,
        AuditKind.MEMBERSHIP_ROLE_CHANGED,
        AuditKind.INVITATION_WITHDRAWN,
        AuditKind.PASSWORD_CHANGED,
        AuditKind.FACTOR_REMOVED,
        AuditKind.SESSIONS_ENDED,
        AuditKind.SIGNING_KEY_ROTATED,
        AuditKind.SIGNING_KEY_DISTRUSTED,
        AuditKind.EXTENSION_UPDATED,
        AuditKind.POLICY_UPDATED,
    }
)


@dataclass(frozen=True, order=True)
class LostChange:
    at: str
    what: str
    about: str
    by: str
    is_ending: bool = False


def lost_changes(lines: Iterable[str], *, since: str = "") -> list[LostChange]:
    """The changes in these lines that the database doesn't have, in the order of their times.

    A line is one of an audit log's export in JSON Lines, or, after the moment `since`, of the log.
    """
    entries = [entry for line in lines if (entry := _entry(line))]
    documents = (entry["event"] for entry in entries if isinstance(entry.get("event"), dict))
    found = set(_missing(documents))
    if since:
        found |= {change for entry in entries if (change := _request(entry, since))}
    return sorted(found)


def _entry(line: str) -> dict[str, Any]:
    # A collector of logs may have put its own words in front.
    try:
        entry = json.loads(line[max(line.find("{"), 0) :])
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _missing(documents: Iterator[Document]) -> Iterator[LostChange]:
    while batch := list(islice(documents, COMPARED_AT_ONCE)):
        here = AuditEvent.objects.in_bulk([document["id"] for document in batch])
        for document in batch:
            # A restored database gives the same numbers to other events.
            event = here.get(document["id"])
            if event is None or plain(event.document) != document:
                yield LostChange(
                    at=document["at"],
                    what=document["kind"],
                    about=f"{document['target_type']} {document['target_label']} "
                    f"({document['target_id']})",
                    by=document["actor_label"],
                    is_ending=document["kind"] in ENDINGS,
                )


def _request(entry: dict[str, Any], since: str) -> LostChange | None:
    at, request = str(entry.get("timestamp", "")), str(entry.get("request", ""))
    changed = request.startswith(("POST /console/", "POST /invitations/", "PUT ", "DELETE "))
    if at < since or not changed or int(entry.get("code") or 500) >= 400:
        return None
    return LostChange(at, "request", request, str(entry.get("user_id") or "unknown"))
