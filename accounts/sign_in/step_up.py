"""Asks people to confirm it's them before a secret moves or rights change."""

import functools
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User
from accounts.sign_in.interruptions import STEP_UP, interrupt
from accounts.sign_in.passkeys import is_passkey

P = ParamSpec("P")


class NoFactor(PermissionDenied):
    """The person has nothing to authenticate with. The 403 page says how to get a password."""


def step_up_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let only people through who have just authenticated again, with any of their factors.

    Others authenticate and return to this page, or to the page of this button, with GET. Unlike
    allauth's decorator, this carries out nothing that was sent before, and it refuses people
    without a factor (`NoFactor`).
    """

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        require_a_factor(request.user)
        if _has_just_authenticated(request):
            return view(request, *args, **kwargs)
        page = request.path
        if request.method == "POST":
            page = interrupt(request, request.user, because=STEP_UP)
        query = urlencode({REDIRECT_FIELD_NAME: page})
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{query}")

    # The test that lists the pages with step-up reads this.
    wrapped.asks_for_step_up = True  # type: ignore[attr-defined]
    return wrapped


def require_a_factor(user: User | AnonymousUser) -> None:
    if user.is_authenticated and not _has_a_factor(user):
        raise NoFactor


def _has_a_factor(user: User | AnonymousUser) -> bool:
    if not isinstance(user, User):
        return False
    # Most people have a password, which takes no query.
    return user.has_usable_password() or any(
        factor.type != Authenticator.Type.WEBAUTHN or is_passkey(factor)
        for factor in Authenticator.objects.filter(user=user)
    )


def _has_just_authenticated(request: HttpRequest) -> bool:
    # Signing in a moment ago isn't enough: the person has to confirm this very step.
    records = get_authentication_records(request, request.user)
    times = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(times) and time.time() - times[-1] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
