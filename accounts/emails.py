"""Emails: queued in the caller's transaction, attempted after commit, retried by `tick`.

`accounts/notices.py` and `credentials/notices.py` say which emails there are.
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

from accounts.models import Invitation, User

logger = structlog.get_logger(__name__)

FIRST_ATTEMPT = timedelta(minutes=1)
_withheld: ContextVar[bool] = ContextVar("_withheld", default=False)
_left_to_tick: ContextVar[bool] = ContextVar("_left_to_tick", default=False)


def absolute(path: str) -> str:
    return f"{settings.ORIGIN}{path}"


@contextmanager
def left_to_tick() -> Iterator[None]:
    """Only queue: the `manage.py tick` that is running sends all of them together afterwards."""
    token = _left_to_tick.set(True)
    try:
        yield
    finally:
        _left_to_tick.reset(token)


@contextmanager
def withheld() -> Iterator[None]:
    """Send nothing: the people of the demo don't exist."""
    token = _withheld.set(True)
    try:
        yield
    finally:
        _withheld.reset(token)


def queue(template: str, recipients: list[str], context: dict[str, Any]) -> None:
    subject, body = rendered(f"emails/{template}/subject", f"emails/{template}/body", context)
    queue_text(recipients, subject, body)


def rendered(subject: str, body: str, context: dict[str, Any]) -> tuple[str, str]:
    """Subject and body from the templates with these names and `.txt`."""
    text = render_to_string(f"{body}.txt", context, using="text")
    return rendered_line(subject, context), f"{text.strip()}\n{_signature()}"


def _signature() -> str:
    platform = settings.PLATFORM
    support = platform.links.support
    return f"\n{platform.name} support: {support}\n" if support else ""


def rendered_line(template: str, context: dict[str, Any]) -> str:
    """One line even if a name in it has several, because line breaks would add email headers."""
    return " ".join(render_to_string(f"{template}.txt", context, using="text").split())


def queue_text(recipients: list[str], subject: str, body: str) -> None:
    """Store one email for each recipient in the caller's transaction; attempt them after commit."""
    if _withheld.get():
        return
    at_once = not _left_to_tick.get()
    queued = [
        mail.send(
            recipient,
            settings.DEFAULT_FROM_EMAIL,
            # The library renders what it gets as a template, and people type into our texts. So
            # each text is a variable of a constant template.
            subject="{{ subject|safe }}",
            message="{{ body|safe }}",
            context={"subject": subject, "body": body},
            # We attempt it before this time, so `manage.py tick` doesn't send it a second time.
            scheduled_time=timezone.now() + (FIRST_ATTEMPT if at_once else timedelta()),
        )
        for recipient in recipients
    ]
    if at_once:
        # A lambda, because Django logs the name of a hook that fails and a `partial` has none.
        transaction.on_commit(lambda: _attempt(queued), robust=True)


def _attempt(queued: list[Email]) -> None:
    """Try each once. After the first failure the rest stays queued for `manage.py tick`."""
    for email in queued:
        try:
            email.dispatch(commit=False)
        except Exception:
            logger.exception("email_not_sent_yet", email_id=email.pk)
            # A connection that broke halfway would fail every later email of this thread.
            connections.close()
            return
        email.status = STATUS.sent
        email.save(update_fields=["status", "last_updated"])


def send_now(recipient: str, subject: str, body: str, *, template: str) -> bool:
    """Send an email with a one-time link, and say whether that worked.

    We don't queue it: queued emails are stored, and everyone who reads the link can use it.
    """
    if _withheld.get():
        return True
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [recipient]).send()
    except (OSError, SMTPException):
        logger.exception("email_not_sent", template=template)
        return False
    return True


def invitation(invitation: Invitation, raw_token: str) -> bool:
    url = absolute(reverse("accounts:open_invitation", args=[raw_token]))
    context = {"invitation": invitation, "inviter": invitation.invited_by, "url": url}
    subject, body = rendered("emails/invitation/subject", "emails/invitation/body", context)
    return send_now(invitation.email, subject, body, template="invitation")


def password_reset(user: User, path: str, actor: User | None) -> bool:
    context = {"user": user, "actor": actor, "url": absolute(path)}
    subject, body = rendered("emails/password_reset/subject", "emails/password_reset/body", context)
    return send_now(user.email, subject, body, template="password_reset")
