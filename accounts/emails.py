"""The way of mails: queued in the caller's transaction, attempted after commit, retried by `tick`.

`accounts/notices.py` and `credentials/notices.py` say what people are told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from post_office import mail
from post_office.connections import connections
from post_office.models import STATUS, Email

from accounts.models import Invitation

logger = structlog.get_logger(__name__)

FIRST_ATTEMPT = timedelta(minutes=1)
_withheld: ContextVar[bool] = ContextVar("_withheld", default=False)
_left_to_tick: ContextVar[bool] = ContextVar("_left_to_tick", default=False)


def absolute(path: str) -> str:
    return f"{settings.ORIGIN}{path}"


@contextmanager
def left_to_tick() -> Iterator[None]:
    """Queue only: `manage.py tick`, which is at work, sends all of them in one go afterwards."""
    token = _left_to_tick.set(True)
    try:
        yield
    finally:
        _left_to_tick.reset(token)


@contextmanager
def withheld() -> Iterator[None]:
    """Write to nobody: the people of the demo exist on paper only."""
    token = _withheld.set(True)
    try:
        yield
    finally:
        _withheld.reset(token)


def queue(template: str, recipients: list[str], context: dict[str, Any]) -> None:
    """Render `emails/<template>/{subject,body}.txt` and queue it."""
    subject, body = rendered(template, context)
    queue_text(recipients, subject, body)


def rendered(template: str, context: dict[str, Any]) -> tuple[str, str]:
    """Subject and body; the subject is one line, whatever a person typed into a name."""
    subject = rendered_line(f"emails/{template}/subject.txt", context)
    body = render_to_string(f"emails/{template}/body.txt", context).strip()
    return subject, f"{body}\n"


def rendered_line(template: str, context: dict[str, Any]) -> str:
    return " ".join(render_to_string(template, context).split())


def queue_text(recipients: list[str], subject: str, body: str) -> None:
    """Store one mail for each recipient in the caller's transaction; attempt them after commit.

    The text goes in as a variable of a constant template: the mail library would otherwise
    interpret it as a template again, with whatever a person typed into a label.
    """
    if _withheld.get():
        return
    at_once = not _left_to_tick.get()
    queued = [
        mail.send(
            recipient,
            settings.DEFAULT_FROM_EMAIL,
            subject="{{ subject|safe }}",
            message="{{ body|safe }}",
            context={"subject": subject, "body": body},
            # Until then it is ours, and `manage.py tick` does not send it a second time.
            scheduled_time=timezone.now() + (FIRST_ATTEMPT if at_once else timedelta()),
        )
        for recipient in recipients
    ]
    if at_once:
        # No `partial`: it has no name, for which Django's log of one that failed asks.
        transaction.on_commit(lambda: _attempt(queued), robust=True)


def _attempt(queued: list[Email]) -> None:
    """Try once now. At the first failure the rest stays queued for `manage.py tick`."""
    for email in queued:
        try:
            email.dispatch(commit=False)
        except Exception:
            logger.exception("mail_not_sent_yet", email_id=email.pk)
            # A connection that broke halfway would fail every later mail of this thread.
            connections.close()
            return
        email.status = STATUS.sent
        email.save(update_fields=["status", "last_updated"])


def invitation(invitation: Invitation, raw_token: str) -> bool:
    """Send the one-time link now and say whether that worked.

    Not queued: queued mails are stored, and whoever reads the link can use it.
    """
    if _withheld.get():
        return True
    url = absolute(reverse("accounts:accept_invitation", args=[raw_token]))
    subject, body = rendered("invitation", {"invitation": invitation, "url": url})
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [invitation.email]).send()
    except (OSError, SMTPException):
        logger.exception("mail_not_sent", template="invitation")
        return False
    return True
