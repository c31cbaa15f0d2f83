"""One function per mail. Each queues rows in the caller's transaction and sends after commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
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

from accounts.models import AccessRequest, Invitation, Membership, User

logger = structlog.get_logger(__name__)

FIRST_ATTEMPT = timedelta(minutes=1)
_withheld: ContextVar[bool] = ContextVar("_withheld", default=False)


def absolute(path: str) -> str:
    return f"{settings.ORIGIN}{path}"


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
    subject = " ".join(render_to_string(f"emails/{template}/subject.txt", context).split())
    body = render_to_string(f"emails/{template}/body.txt", context).strip()
    return subject, f"{body}\n"


def queue_text(recipients: list[str], subject: str, body: str) -> None:
    """Store one mail for each recipient in the caller's transaction; attempt them after commit.

    The text goes in as a variable of a constant template: the mail library would otherwise
    interpret it as a template again, with whatever a person typed into a label.
    """
    if _withheld.get():
        return
    queued = [
        mail.send(
            recipient,
            settings.DEFAULT_FROM_EMAIL,
            subject="{{ subject|safe }}",
            message="{{ body|safe }}",
            context={"subject": subject, "body": body},
            # Until then it is ours, and `manage.py tick` does not send it a second time.
            scheduled_time=timezone.now() + FIRST_ATTEMPT,
        )
        for recipient in recipients
    ]
    transaction.on_commit(partial(_attempt, queued), robust=True)


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


def access_requested(request: AccessRequest, recipients: list[str]) -> None:
    queue(
        "access_requested",
        recipients,
        {"request": request, "url": absolute(reverse("accounts:access"))},
    )


def access_granted(request: AccessRequest, membership: Membership) -> None:
    context = {"request": request, "membership": membership, "url": absolute(reverse("dashboard"))}
    queue("access_granted", [request.user.email], context)


def access_declined(request: AccessRequest) -> None:
    context = {"request": request, "url": absolute(reverse("dashboard"))}
    queue("access_declined", [request.user.email], context)


def role_changed(membership: Membership, *, changed_by: User) -> None:
    _about_membership("role_changed", membership, changed_by)


def deactivated(membership: Membership, *, deactivated_by: User) -> None:
    _about_membership("deactivated", membership, deactivated_by)


def reactivated(membership: Membership, *, reactivated_by: User) -> None:
    _about_membership("reactivated", membership, reactivated_by)


def _about_membership(template: str, membership: Membership, actor: User) -> None:
    context = {
        "membership": membership,
        "user": membership.user,
        "actor": actor,
        "url": absolute(reverse("dashboard")),
    }
    queue(template, [membership.user.email], context)


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
