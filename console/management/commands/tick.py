"""Does the work that is due. Run it every minute. Several can run at once."""

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from post_office.mail import get_queued, send_queued
from post_office.models import Email
from post_office.utils import cleanup_expired_mails

from accounts import emails
from accounts.actions.devices import remove_forgotten_devices
from accounts.actions.invitations import tell_of_expired_invitations
from accounts.actions.notices import remove_outdated_notices
from accounts.actions.seals import seal_events
from accounts.actions.sessions import forget_ended_sessions
from accounts.models import Device, Invitation, Notice
from accounts.models.seals import unsealed_events
from core.origin import Origin
from credentials.actions.clients import forget_ended_secrets
from credentials.actions.pauses import ask_about_unmissed_pauses
from credentials.actions.refresh_tokens import forget_dead_sessions
from credentials.actions.refusals import forget_old_refusals
from credentials.actions.reminders import remind_owners
from credentials.actions.rotations import close_rotations, warn_of_closing
from credentials.actions.usage import forget_old_usage
from credentials.models import Client, JwtCredential, Refusal, Rotation
from credentials.models.refresh_tokens import dead_tokens
from credentials.models.usage import outdated_usage

logger = structlog.get_logger(__name__)

TICK_ORIGIN = Origin.command("tick")
EMAILS_KEPT = timedelta(days=30)
# Seconds. A batch takes three minutes at most, and the next one renews the lock.
EMAIL_LOCKED = 240


@dataclass(frozen=True)
class Job:
    """One kind of work. Work that another process has done in the meantime is no longer due."""

    name: str
    due: Callable[[datetime], QuerySet[Any] | list[Any] | int]
    """What there is to do, or how much of it, for `--dry-run`. Changes nothing."""
    act: Callable[[], int | str]
    """Does the work, and returns how much it was, or a text that says so."""
    done: str
    """The verb after the number: `removed`, `sent`."""


class _AnotherIsSendingError(Exception):
    pass


def send_emails() -> int | str:
    sent = requeued = failed = 0
    try:
        with _locked(_lock_path()), _turns() as take_turn:
            while get_queued().exists():
                take_turn()
                counts = send_queued()
                sent, failed, requeued = (
                    total + count
                    for total, count in zip((sent, failed, requeued), counts, strict=True)
                )
    except _AnotherIsSendingError:
        return "another tick is sending it"
    return f"{sent} sent, {requeued} to retry, {failed} failed"


@contextmanager
def _turns() -> Iterator[Callable[[], None]]:
    """A function to call before each batch.

    It raises `_AnotherIsSendingError` while another tick sends that shares our cache, on any
    machine. The lock of a tick that crashed ends after a while.
    """
    # The machines of an installation share its SECRET_KEY, but can name the database differently.
    key, owner = salted_hmac("tick", "mail", algorithm="sha256").hexdigest(), secrets.token_hex(16)

    def take_turn() -> None:
        # The cache might have lost the lock, and another tick might have it now.
        if cache.get(key) == owner:
            cache.touch(key, EMAIL_LOCKED)
        elif not cache.add(key, owner, EMAIL_LOCKED):
            raise _AnotherIsSendingError

    try:
        yield take_turn
    finally:
        if cache.get(key) == owner:
            cache.delete(key)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The kernel releases this lock when the process ends, even if it crashes.
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, mode=0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _AnotherIsSendingError from error
        yield
    finally:
        os.close(file)


def _expired_sessions(at: datetime) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=at)


def remove_expired_sessions() -> int:
    expired = _expired_sessions(timezone.now()).count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    forget_ended_sessions()
    return expired


def remove_old_emails() -> int:
    removed: int
    removed, _attachments = cleanup_expired_mails(
        timezone.now() - EMAILS_KEPT, delete_attachments=False
    )
    return removed


def _due_emails(at: datetime) -> QuerySet[Any]:
    due: QuerySet[Any] = get_queued()
    due.query.clear_limits()  # the library reads one batch at a time
    return due


def _old_emails(at: datetime) -> QuerySet[Any]:
    found: QuerySet[Any] = Email.objects.filter(created__lt=at - EMAILS_KEPT)
    return found


def _old_usage(at: datetime) -> int:
    return sum(rows.count() for rows in outdated_usage(at))


def _lock_path() -> Path:
    # One for each database, so that two installations on a machine don't wait for each other, and
    # one for each user, because users can't open each other's files.
    database = f"{connection.settings_dict['HOST']}/{connection.settings_dict['NAME']}"
    name = hashlib.sha256(database.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"console-tick-{name}-{os.getuid()}"


# In the order in which they run: work that queues emails comes before sending them.
PARTS = (
    Job("Expiry reminders", JwtCredential.objects.due_for_reminder, remind_owners, "reported"),
    Job(
        "Expired invitations",
        Invitation.objects.expiry_untold,
        tell_of_expired_invitations,
        "reported",
    ),
    Job("Rotations", Rotation.objects.due, partial(close_rotations, origin=TICK_ORIGIN), "closed"),
    Job("Rotations about to close", Rotation.objects.to_warn_of, warn_of_closing, "reported"),
    Job(
        "Pauses that no one missed",
        JwtCredential.objects.pause_unmissed,
        ask_about_unmissed_pauses,
        "reported",
    ),
    Job("Email", _due_emails, send_emails, "sent"),
    Job("Expired sessions", _expired_sessions, remove_expired_sessions, "removed"),
    Job(f"Emails older than {EMAILS_KEPT.days} days", _old_emails, remove_old_emails, "removed"),
    Job(
        "Former client secrets",
        Client.objects.with_ended_secret,
        partial(forget_ended_secrets, origin=TICK_ORIGIN),
        "removed",
    ),
    Job("Dead tokens", dead_tokens, forget_dead_sessions, "removed"),
    Job("Old notices", Notice.objects.outdated, remove_outdated_notices, "removed"),
    Job("Forgotten browsers", Device.objects.forgotten, remove_forgotten_devices, "removed"),
    Job("Old refusals", Refusal.objects.too_old, forget_old_refusals, "removed"),
    Job("Old usage", _old_usage, forget_old_usage, "removed"),
    # Last, so that the events of the other parts are sealed as well.
    Job("Audit events", unsealed_events, seal_events, "sealed"),
)


def _number(due: QuerySet[Any] | list[Any] | int) -> int:
    if isinstance(due, int):
        return due
    return len(due) if isinstance(due, list) else due.count()


class Command(BaseCommand):
    help = "Do the work that is due: " + ", ".join(part.name.lower() for part in PARTS) + "."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="print what is due, without changing anything"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # One failed part doesn't stop the others.
        with emails.left_to_tick():
            failed = [part.name for part in PARTS if not self._run(part, dry=options["dry_run"])]
        if failed:
            raise CommandError(f"Failed: {', '.join(failed)}. See the log for the reason.")

    def _run(self, part: Job, *, dry: bool) -> bool:
        try:
            outcome = f"{_number(part.due(timezone.now()))} due" if dry else self._outcome(part)
        except Exception:
            logger.exception("tick_part_failed", part=part.name)
            if not connection.in_atomic_block:  # it would end the transaction of a caller
                connection.close_if_unusable_or_obsolete()
            return False
        self.stdout.write(f"{part.name}: {outcome}.")
        return True

    @staticmethod
    def _outcome(part: Job) -> str:
        found = part.act()
        return found if isinstance(found, str) else f"{found} {part.done}"
