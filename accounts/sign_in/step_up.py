"""Prove it is you before a secret moves or rights change: with any factor you have, never none."""

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

P = ParamSpec("P")


class NoFactor(PermissionDenied):
    """Nothing to authenticate with; the 403 page says how to get a password."""


def step_up_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Send whoever has not just authenticated to do so, then back to this page with GET.

    Differs from allauth's decorator twice: POST data is not kept in the session until then (a
    form that moves a secret is filled in again), and whoever has no factor at all is refused
    instead of let through (`NoFactor`).
    """

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        require_a_factor(request.user)
        if _has_just_authenticated(request):
            return view(request, *args, **kwargs)
        query = urlencode({REDIRECT_FIELD_NAME: request.path})
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{query}")

    # For the test that lists what asks for it.
    wrapped.asks_for_step_up = True  # type: ignore[attr-defined]
    return wrapped


def require_a_factor(user: User | AnonymousUser) -> None:
    """Raises `NoFactor` for somebody signed in who has nothing to authenticate with."""
    if user.is_authenticated and not _has_a_factor(user):
        raise NoFactor


def _has_a_factor(user: User | AnonymousUser) -> bool:
    """Whether there is anything to authenticate with; most people are answered without a query."""
    if not isinstance(user, User):
        return False
    return user.has_usable_password() or bool(Authenticator.objects.filter(user=user).exists())


def _has_just_authenticated(request: HttpRequest) -> bool:
    """Whether the person answered for this, as against signing in, a moment ago."""
    records = get_authentication_records(request, request.user)
    times = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(times) and time.time() - times[-1] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
