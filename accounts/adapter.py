"""What sign-in by django-allauth does differently here."""

from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts import emails
from accounts.actions.devices import note_sign_in
from accounts.models import User
from accounts.models.devices import KEPT as DEVICE_KEPT
from accounts.origin import Origin


class _OurSite:
    """What allauth's mails call the site; never what the Host header of a request says."""

    def __init__(self) -> None:
        self.domain = self.name = urlsplit(settings.ORIGIN).netloc


def _at_our_origin(name: str, value: Any) -> Any:
    """A link of a mail at `ORIGIN`: a forged Host header must not lead anyone elsewhere."""
    if not name.endswith("_url") or not isinstance(value, str):
        return value
    parts = urlsplit(value)
    query = f"?{parts.query}" if parts.query else ""
    return f"{settings.ORIGIN}{parts.path}{query}"


logger = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    is_notice = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People join by invitation only."""
        return False

    def post_login(self, request: HttpRequest, user: User, **hooks: Any) -> HttpResponse:
        """After every factor: note the browser, and let its cookie tell it the next time."""
        response: HttpResponse = super().post_login(request, user, **hooks)
        token = note_sign_in(
            user, request.COOKIES.get(settings.DEVICE_COOKIE_NAME), origin=Origin.of(request)
        )
        response.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            token,
            max_age=DEVICE_KEPT,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
        return response

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        # An adapter lives for one call of allauth's, so this does not reach any other mail.
        self.is_notice = True
        super().send_notification_mail(*args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue notices; send the rest at once, because its links are secrets we do not store.

        When the mail server does not answer, the person is told so and sent back to the form.
        """
        request = self.request
        context = {
            "request": request,
            "email": email,
            **{name: _at_our_origin(name, value) for name, value in context.items()},
            "current_site": _OurSite(),
        }
        message = self.render_mail(template_prefix, email, context)
        if self.is_notice:
            emails.queue_text([email], message.subject, str(message.body))
            return
        try:
            message.send()
        except (OSError, SMTPException):
            logger.exception("mail_not_sent", template=template_prefix)
            messages.error(
                request,
                "The mail could not be sent, because the mail server does not answer. "
                "Try again in a few minutes.",
            )
            if request.method == "POST":
                # Past allauth's own message, which says that the mail is on its way.
                raise ImmediateHttpResponse(HttpResponseRedirect(request.path)) from None
