"""How sign-in differs from django-allauth's defaults."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.urls import reverse

from accounts import emails
from accounts.actions.devices import note_sign_in
from accounts.actions.factors import note_factor_change
from accounts.actions.invitations import readdress_invitations
from accounts.actions.sessions import end_sessions
from accounts.actions.sign_ins import note_authentication
from accounts.models import AuditKind, Device, User
from accounts.models.devices import DEVICES_KEPT
from accounts.models.sessions import sessions_of
from accounts.sign_in.attempts import note_attempt
from accounts.sign_in.failures import count_failure, take_failures
from accounts.sign_in.step_up import (
    BY_CODE,
    BY_KEY,
    BY_PASSWORD,
    is_fresh,
    require_a_factor,
    step_up_methods,
    ways_of,
)
from core import email_addresses, raw_secrets
from core.origin import Origin, client_ip

_EMAIL_CHANGED = "account/email/email_changed"
# The emails of allauth whose changes we record: the kind of event, and the factor.
_RECORDED: dict[str, tuple[AuditKind, str]] = {
    _EMAIL_CHANGED: (AuditKind.EMAIL_CHANGED, ""),
    "account/email/password_changed": (AuditKind.PASSWORD_CHANGED, ""),
    "account/email/password_reset": (AuditKind.PASSWORD_CHANGED, "reset by email"),
    "account/email/password_set": (AuditKind.PASSWORD_CHANGED, ""),
    "mfa/email/totp_activated": (AuditKind.FACTOR_ADDED, "authenticator app"),
    "mfa/email/totp_deactivated": (AuditKind.FACTOR_REMOVED, "authenticator app"),
    "mfa/email/webauthn_added": (AuditKind.FACTOR_ADDED, "passkey or security key"),
    "mfa/email/webauthn_removed": (AuditKind.FACTOR_REMOVED, "passkey or security key"),
}
# In the words of the console.
_REAUTHENTICATION = {
    BY_PASSWORD: "Use your password",
    BY_CODE: "Use a code",
    BY_KEY: "Use a passkey or key",
}


def _at_our_origin(name: str, value: Any) -> Any:
    # Links in emails start at `ORIGIN`, so that a forged Host header can't lead people elsewhere.
    if not name.endswith("_url") or not isinstance(value, str):
        return value
    parts = urlsplit(value)
    query = f"?{parts.query}" if parts.query else ""
    return f"{settings.ORIGIN}{parts.path}{query}"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The email address or password is incorrect.",
        "enter_current_password": "This isn’t your current password.",
        "incorrect_password": "This isn’t your password.",
        "same_as_current": "This is already your email address.",
        "too_many_login_attempts": "Too many attempts. Wait five minutes, then try again.",
    }
    is_notice = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        # People join only by invitation.
        return False

    def clean_email(self, email: str) -> str:
        return email_addresses.normalized(email)

    def get_client_ip(self, request: HttpRequest) -> str:
        # The same address as everywhere else. Without one, allauth refuses the request.
        return client_ip(request) or str(super().get_client_ip(request))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # A stranger's guesses must not lock people out of the browsers that they use. Each of
        # those has attempts of its own.
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        raw_token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME)
        email = credentials.get("email", "")
        if raw_token and Device.objects.with_token(raw_token).filter(user__email=email).exists():
            return f"{key}:{raw_secrets.digest(raw_token)}"
        return key

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            note_attempt(request, AuditKind.SIGN_IN_BLOCKED, credentials.get("email", ""))
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        count_failure(credentials.get("email", ""))
        note_attempt(request, AuditKind.SIGN_IN_FAILED, credentials.get("email", ""))

    def post_login(self, request: HttpRequest, user: User, **hooks: Any) -> HttpResponse:
        # All factors are checked by now, so the browser becomes a known one.
        response: HttpResponse = super().post_login(request, user, **hooks)
        note_authentication(
            user, AuditKind.SIGNED_IN, origin=Origin.of(request), ways=ways_of(request, user)
        )
        token = note_sign_in(
            user,
            request.COOKIES.get(settings.DEVICE_COOKIE_NAME),
            failed_before=take_failures(user.email),
            origin=Origin.of(request),
        )
        response.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            token,
            max_age=DEVICES_KEPT,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        # allauth lets people through who have nothing to authenticate with. We don't. Nor does a
        # password count for people with a second factor: ACCOUNT_REAUTHENTICATION_TIMEOUT makes
        # allauth's own answer no.
        require_a_factor(self.request.user)
        return not is_fresh(self.request)

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        require_a_factor(user)
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [
            method | {"description": _REAUTHENTICATION[method["id"]]}
            for method in step_up_methods(self.request, methods, user)
        ]

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        # allauth calls this for every change of how someone signs in, so we record it here.
        if template_prefix in _RECORDED:
            kind, factor = _RECORDED[template_prefix]
            note_factor_change(
                user, kind, actor=user, origin=Origin.of(self.request), factor=factor
            )
            self._offer_to_end_other_sessions(user)
        if template_prefix == _EMAIL_CHANGED and context:
            readdress_invitations(
                user,
                former=context["from_email"],
                address=context["to_email"],
                origin=Origin.of(self.request),
            )
        # An adapter lives for one call of allauth, so this affects no other email.
        self.is_notice = True
        super().send_notification_mail(template_prefix, user, context, email)

    def _offer_to_end_other_sessions(self, user: User) -> None:
        # Nothing to say after a new password: it has ended them.
        here = self.request.session.session_key
        count = sum(each.session_key != here for each in sessions_of(user))
        if count:
            messages.info(
                self.request,
                f"You’re also signed in on {count} other browser{pluralize(count)}. If that isn’t "
                "you, choose End all other sessions on your Security page.",
            )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue notices. Send all other emails now, because their links are secrets we don't store.

        If the email server doesn't respond, the person sees why and returns to the form.
        """
        request, site = self.request, urlsplit(settings.ORIGIN).netloc
        context = {
            "request": request,
            "email": email,
            **{name: _at_our_origin(name, value) for name, value in context.items()},
            # The Host header of a request never decides about the site in an email.
            "current_site": SimpleNamespace(domain=site, name=site),
            "security_url": emails.absolute(reverse("mfa_index")),
            "reset_url": emails.absolute(reverse("account_reset_password")),
        }
        subject, body = emails.rendered(
            f"{template_prefix}_subject", f"{template_prefix}_message", context
        )
        if self.is_notice:
            emails.queue_text([email], subject, body)
        elif not emails.send_now(email, subject, body, template=template_prefix):
            messages.error(
                request,
                "We couldn’t send the email because the email server didn’t respond. "
                "Try again in a few minutes.",
            )
            if request.method == "POST":
                # Skips allauth's own message, which says that the email was sent.
                raise ImmediateHttpResponse(HttpResponseRedirect(request.path)) from None


class UserSessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]
    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        request = allauth_context.request
        end_sessions(sessions, actor=request.user, origin=Origin.of(request))
