"""Asks people to confirm it's them before a secret moves or rights change."""

import functools
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.models import User
from accounts.second_factor import has_second_factor
from accounts.sign_in.interruptions import STEP_UP, interrupt
from accounts.sign_in.passkeys import is_passkey

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)

# allauth's methods of step-up.
BY_PASSWORD = "reauthenticate"
BY_CODE = "mfa_reauthenticate"
BY_KEY = "mfa_reauthenticate:webauthn"


class NoFactor(PermissionDenied):
    """The person has nothing to authenticate with. The 403 page says how to get a password."""


def step_up_required(
    view: Callable[Concatenate[HttpRequest, P], R],
) -> Callable[..., R | HttpResponseRedirect]:
    """Let only people through who have authenticated in full a short time ago (`is_fresh`).

    Others authenticate and return to this page, or to the page of this button, with GET. Unlike
    allauth's decorator, this carries out nothing that was sent before, and it refuses people
    without a factor (`NoFactor`).
    """

    @functools.wraps(view)
    def wrapped(
        request: HttpRequest, *args: P.args, **kwargs: P.kwargs
    ) -> R | HttpResponseRedirect:
        require_a_factor(request.user)
        if is_fresh(request):
            return view(request, *args, **kwargs)
        page = request.get_full_path()
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


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person authenticated in full a short time ago, at sign-in or since.

    A code or a passkey is enough. A password is enough only for people without a second factor.
    """
    recent = _recent_records(request)
    if any(_is_enough(record) for record in recent):
        return True
    return _by_password(recent) and (
        any(record["method"] == "mfa" for record in recent)
        or not (isinstance(request.user, User) and has_second_factor(request.user))
    )


def has_just_entered_password(request: HttpRequest) -> bool:
    return _by_password(_recent_records(request))


def _recent_records(
    request: HttpRequest, user: User | AnonymousUser | None = None
) -> list[dict[str, Any]]:
    # Of this session: allauth adds one at each sign-in and step-up, for each factor.
    since = time.time() - settings.STEP_UP_LIFETIME.total_seconds()
    records: list[dict[str, Any]] = get_authentication_records(request, user or request.user)
    return [record for record in records if record["at"] > since]


def _by_password(records: list[dict[str, Any]]) -> bool:
    return any(record["method"] == "password" for record in records)


def _is_enough(record: dict[str, Any]) -> bool:
    if record["method"] != "mfa":
        return False
    # A touch of a key is the second factor of a sign-in with a password. The page of step-up asked
    # for a passkey, or for the password first.
    was_touched = record.get("type") == Authenticator.Type.WEBAUTHN
    return not was_touched or "passwordless" in record or "reauthenticated" in record


_WAYS = {
    Authenticator.Type.TOTP.value: "code",
    Authenticator.Type.RECOVERY_CODES.value: "recovery code",
    Authenticator.Type.WEBAUTHN.value: "key",
}


def ways_of(request: HttpRequest, user: User) -> list[str]:
    """How the person authenticated in this session a short time ago, for the audit log."""
    ways = [
        "passkey"
        if "passwordless" in record
        else _WAYS.get(record.get("type", ""), record["method"])
        for record in _recent_records(request, user)
    ]
    return list(dict.fromkeys(ways))


def step_up_methods(
    request: HttpRequest, methods: list[dict[str, Any]], user: User | AnonymousUser
) -> list[dict[str, Any]]:
    """Those of allauth's methods that are enough for this person now, the best one first.

    People with a key that isn't a passkey enter their password, and then use the key.
    """
    by_id = {method["id"]: method for method in methods}
    kinds = [_kind_of(factor) for factor in Authenticator.objects.filter(user_id=user.pk)]
    wanted = []
    if "app" in kinds:
        wanted.append(BY_CODE)
    if "passkey" in kinds:
        wanted.append(BY_KEY)
    if not wanted and "key" in kinds and has_just_entered_password(request):
        wanted.append(BY_KEY)
    # Recovery codes replace a factor that is away.
    wanted = [*(wanted or [BY_PASSWORD]), BY_CODE]
    return [by_id[name] for name in dict.fromkeys(wanted) if name in by_id]


def _kind_of(factor: Authenticator) -> str:
    if factor.type == Authenticator.Type.WEBAUTHN:
        return "passkey" if is_passkey(factor) else "key"
    return "app" if factor.type == Authenticator.Type.TOTP else ""
