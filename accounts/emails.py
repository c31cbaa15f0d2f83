"""One function per mail. Each queues rows in the caller's transaction and sends after commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from post_office import mail
from post_office.connections import connections
from post_office.models import STATUS, Email

from accounts.models import AccessRequest

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
    subject = " ".join(render_to_string(f"emails/{template}/subject.txt", context).split())
    body = render_to_string(f"emails/{template}/body.txt", context).strip()
    queue_text(recipients, subject, f"{body}\n")


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
        {"request": request, "url": absolute(reverse("dashboard"))},
    )
