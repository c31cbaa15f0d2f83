"""What has to happen now and then; run it every minute. Safe to run twice, and at any time."""

import hashlib
import tempfile
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.utils import timezone
from post_office.lockfile import FileLock, FileLocked
from post_office.mail import get_queued, send_queued
from post_office.models import Email
from post_office.utils import cleanup_expired_mails

from credentials.actions.refresh_tokens import forget_dead_sessions
from credentials.models.refresh_tokens import dead_tokens

MAIL_KEPT = timedelta(days=30)


class Command(BaseCommand):
    help = "Send queued mail again; remove expired sessions, old mail and dead tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what is due and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(f"Mail due: {_due_mail()}.")
            self.stdout.write(f"Expired sessions: {_expired_sessions()}.")
            self.stdout.write(f"Mail older than {MAIL_KEPT.days} days: {_old_mail()}.")
            self.stdout.write(f"Dead tokens: {dead_tokens().count()}.")
        else:
            self.stdout.write(send_mail())
            self.stdout.write(f"Expired sessions removed: {remove_expired_sessions()}.")
            self.stdout.write(f"Old mail removed: {remove_old_mail()}.")
            self.stdout.write(f"Dead tokens forgotten: {forget_dead_sessions()}.")


def send_mail() -> str:
    """Attempt every mail that is due, in batches; a failed one is due again later."""
    sent = requeued = failed = 0
    try:
        with FileLock(str(_lock_path())):
            while get_queued().exists():
                counts = send_queued()
                sent, failed, requeued = (
                    total + count
                    for total, count in zip((sent, failed, requeued), counts, strict=True)
                )
    except FileLocked:
        return "Mail: another tick is sending it."
    return f"Mail: {sent} sent, {requeued} to be tried again, {failed} given up."


def remove_expired_sessions() -> int:
    expired = _expired_sessions()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return expired


def remove_old_mail() -> int:
    removed: int
    removed, _attachments = cleanup_expired_mails(
        timezone.now() - MAIL_KEPT, delete_attachments=False
    )
    return removed


def _due_mail() -> int:
    return len(get_queued())


def _expired_sessions() -> int:
    return Session.objects.filter(expire_date__lt=timezone.now()).count()


def _old_mail() -> int:
    count: int = Email.objects.filter(created__lt=timezone.now() - MAIL_KEPT).count()
    return count


def _lock_path() -> Path:
    """One lock per database, so that two installations on a machine do not wait for each other."""
    database = f"{connection.settings_dict['HOST']}/{connection.settings_dict['NAME']}"
    name = hashlib.sha256(database.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"console-tick-{name}"
