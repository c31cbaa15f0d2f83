"""django-allauth's pages for the ways to sign in, where we promise more than it does."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import LogoutView, ReauthenticateView
from allauth.account.views import password_set as allauth_password_set
from allauth.core.ratelimit import consume_or_429
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    remove_webauthn,
)
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic.edit import FormView

from accounts.access import person
from accounts.actions.sessions import renew_session
from accounts.actions.sign_ins import note_authentication, note_sign_out
from accounts.models import AuditKind, User
from accounts.sign_in import ceremonies
from accounts.sign_in.attempts import note_attempt
from accounts.sign_in.ceremonies import Ceremony
from accounts.sign_in.passkeys import is_passkey, passkeys_of, request_key
from accounts.sign_in.step_up import has_just_entered_password, step_up_required, ways_of
from core.origin import Origin

# How many sign-ins by key one address can begin. Each one takes a session of its own.
KEY_SIGN_INS = {"login_by_key": "30/m/ip"}


class _LoginByKey(LoginWebAuthnView):  # type: ignore[misc]
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with ceremonies.beginning(Ceremony.SIGN_IN):
            response: HttpResponse = super().get(request, *args, **kwargs)
        return response


_login_by_key = _LoginByKey.as_view()


@login_not_required
def login_by_key(request: HttpRequest) -> HttpResponse:
    # allauth has no limit here, so a stranger could write any number of rows.
    refused: HttpResponse | None = None
    if request.method != "POST":
        refused = consume_or_429(
            request, action="login_by_key", config=KEY_SIGN_INS, limit_get=True
        )
    response: HttpResponse = refused or _login_by_key(request)
    return response


@step_up_required
def set_password(request: HttpRequest) -> HttpResponse:
    # A first password is a new way to sign in, so a person at an unlocked computer can't set one.
    response: HttpResponse = allauth_password_set(request)
    return response


class _Authenticate(AuthenticateView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        with ceremonies.beginning(Ceremony.SECOND_FACTOR, self.stage.login.user):
            context: dict[str, Any] = super().get_context_data(**kwargs)
        return context

    def form_invalid(self, form: Form) -> HttpResponse:
        user = self.stage.login.user
        note_attempt(self.request, AuditKind.SIGN_IN_FAILED, user.email, way="second factor")
        response: HttpResponse = super().form_invalid(form)
        return response


authenticate = _Authenticate.as_view()


class _Logout(LogoutView):  # type: ignore[misc]
    def logout(self) -> None:
        # *Cancel* on the page of the second factor leads here, too.
        user = self.request.user
        super().logout()
        if isinstance(user, User):
            note_sign_out(user, origin=Origin.of(self.request))
        ceremonies.cancel()

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post(*args, **kwargs)
        # Not the cookies: the browser stays known, and keeps its theme.
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


log_out = _Logout.as_view()


class _LeadsToRecoveryCodes(FormView):  # type: ignore[type-arg]
    factor: Authenticator.Type

    def form_valid(self, form: Form) -> HttpResponse:
        # The person has just used the new factor, so the next page doesn't ask for it again.
        response = super().form_valid(form)
        record_authentication(
            self.request,
            person(self.request.user),
            "mfa",
            type=self.factor.value,
            reauthenticated=True,
        )
        return response

    def get_success_url(self) -> str:
        user = person(self.request.user)
        codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES)
        return reverse("mfa_index" if codes.exists() else "mfa_generate_recovery_codes")


class _ActivateApp(_LeadsToRecoveryCodes, ActivateTOTPView):  # type: ignore[misc]
    factor = Authenticator.Type.TOTP


activate_app = _ActivateApp.as_view()


class _AddKey(_LeadsToRecoveryCodes, AddWebAuthnView):  # type: ignore[misc]
    factor = Authenticator.Type.WEBAUTHN

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        with ceremonies.beginning(Ceremony.REGISTRATION, person(self.request.user)):
            context: dict[str, Any] = super().get_context_data(**kwargs)
        return context


add_key = _AddKey.as_view()


class _RenewsSession(FormView):  # type: ignore[type-arg]
    def form_valid(self, form: Form) -> HttpResponse:
        # A session key that someone saw before has no step-up.
        response = super().form_valid(form)
        renew_session(self.request.session)
        user = person(self.request.user)
        note_authentication(
            user,
            AuditKind.STEPPED_UP,
            origin=Origin.of(self.request),
            ways=ways_of(self.request, user)[-1:],
        )
        return response

    def form_invalid(self, form: Form) -> HttpResponse:
        user = person(self.request.user)
        note_attempt(self.request, AuditKind.STEP_UP_FAILED, user.email)
        return super().form_invalid(form)


class _ReauthenticateByPassword(_RenewsSession, ReauthenticateView):  # type: ignore[misc]
    pass


class _ReauthenticateByCode(_RenewsSession, ReauthenticateByCodeView):  # type: ignore[misc]
    pass


class _ReauthenticateByKey(_RenewsSession, ReauthenticateWebAuthnView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        with ceremonies.beginning(Ceremony.STEP_UP, person(self.request.user)):
            context: dict[str, Any] = super().get_context_data(**kwargs)
            options = request_key(
                self.request.user, has_entered_password=has_just_entered_password(self.request)
            )
            context["js_data"] = {"request_options": options}
        return context

    def form_valid(self, form: Form) -> HttpResponse:
        key = form.cleaned_data["credential"]
        if not (is_passkey(key) or has_just_entered_password(self.request)):
            form.add_error("credential", get_adapter().validation_error("not_a_passkey"))
            return self.form_invalid(form)
        return super().form_valid(form)

    def form_invalid(self, form: Form) -> HttpResponse:
        note_attempt(self.request, AuditKind.STEP_UP_FAILED, person(self.request.user).email)
        # allauth redirects to the sign-in page and forgets the page that people wanted.
        for message in form.errors.get("credential", []):
            messages.error(self.request, str(message))
        return redirect(self.passthrough_next_url(self.request.path))


reauthenticate_by_password = _ReauthenticateByPassword.as_view()
reauthenticate_by_code = _ReauthenticateByCode.as_view()
reauthenticate_by_key = _ReauthenticateByKey.as_view()


def remove_key(request: HttpRequest, pk: int) -> HttpResponse:
    # Without their last way to sign in, people couldn't come back.
    user = person(request.user)
    if not user.has_usable_password() and not _has_other_passkeys(user, pk):
        messages.error(
            request,
            "This is your only way to sign in. Set a password or add another passkey first.",
        )
        return redirect("mfa_list_webauthn")
    response: HttpResponse = remove_webauthn(request, pk=pk)
    return response


def _has_other_passkeys(user: User, pk: int) -> bool:
    return any(key.pk != pk for key in passkeys_of(user))
