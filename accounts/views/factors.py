"""django-allauth's pages for the ways to sign in, where we promise more than it does."""

from allauth.account.views import password_set as allauth_password_set
from allauth.core.ratelimit import consume_or_429
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import (
    ReauthenticateWebAuthnView,
    login_webauthn,
    remove_webauthn,
)
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.access import person
from accounts.models import User
from accounts.sign_in.step_up import step_up_required

# How many sign-ins by key one address can begin. Each one takes a session of its own.
KEY_SIGN_INS = {"login_by_key": "30/m/ip"}


@login_not_required
def login_by_key(request: HttpRequest) -> HttpResponse:
    # allauth has no limit here, so a stranger could write any number of rows.
    refused: HttpResponse | None = None
    if request.method != "POST":
        refused = consume_or_429(
            request, action="login_by_key", config=KEY_SIGN_INS, limit_get=True
        )
    response: HttpResponse = refused or login_webauthn(request)
    return response


@step_up_required
def set_password(request: HttpRequest) -> HttpResponse:
    # A first password is a new way to sign in, so a person at an unlocked computer can't set one.
    response: HttpResponse = allauth_password_set(request)
    return response


class _ReauthenticateByKey(ReauthenticateWebAuthnView):  # type: ignore[misc]
    def form_invalid(self, form: Form) -> HttpResponse:
        # allauth redirects to the sign-in page and forgets the page that people wanted.
        messages.error(self.request, "We couldn’t verify the key. Try again.")
        return redirect(self.passthrough_next_url(self.request.path))


reauthenticate_by_key = _ReauthenticateByKey.as_view()


def remove_key(request: HttpRequest, pk: int) -> HttpResponse:
    # Without their last way to sign in, people couldn't come back.
    user = person(request.user)
    if not user.has_usable_password() and not _has_other_keys(user, pk):
        messages.error(
            request, "This is your only way to sign in. Set a password or add another key first."
        )
        return redirect("mfa_list_webauthn")
    response: HttpResponse = remove_webauthn(request, pk=pk)
    return response


def _has_other_keys(user: User, pk: int) -> bool:
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return bool(keys.exclude(pk=pk).exists())
