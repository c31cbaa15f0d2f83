"""Puts what people and strangers try at sign-in on a queue for the audit log.

Responses don't wait for it. Otherwise, their time would tell whether an address has an account.
"""

from django.http import HttpRequest
from django.utils import timezone

from accounts.actions.sign_ins import Attempt, record_attempts
from accounts.models import AuditKind
from core.background import BackgroundWriter
from core.origin import Origin
from core.raw_secrets import digest
from core.sampling import HourlyCap

# A stranger can try all day, so later ones of an hour aren't recorded. The limits of guessing allow
# five passwords in five minutes.
cap = HourlyCap(per_key=20, in_all=2_000)

writer: BackgroundWriter[Attempt] = BackgroundWriter("attempts", record_attempts, capacity=2_000)


def note_attempt(request: HttpRequest, kind: AuditKind, email: str, *, way: str = "") -> None:
    if email and cap.allows(digest(f"{kind} {email}")):
        writer.put(Attempt(kind, email, Origin.of(request), timezone.now(), way))
