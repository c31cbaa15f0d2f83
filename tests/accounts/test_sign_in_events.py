"""Who signed in and out, confirmed that it's them, or failed to: in the audit log."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind
from accounts.sign_in import attempts
from core.background import BackgroundWriter
from core.sampling import HourlyCap
from tests import cast
from tests.accounts.test_step_up import code_of
from tests.conftest import Rebels

LOGIN, STEP_UP = reverse("account_login"), reverse("account_reauthenticate")
SECOND_FACTOR = reverse("mfa_authenticate")


@pytest.fixture(autouse=True)
def _fresh_cap() -> None:
    attempts.cap.forget()


def events(rebels: Rebels) -> list[tuple[Any, ...]]:
    """Kind, actor, and factors of what this browser did as Luke."""
    BackgroundWriter.flush_all()
    found = AuditEvent.objects.filter(target_id=str(rebels.luke.user_id), ip="127.0.0.1")
    return [
        (event.kind, event.actor_label, event.details.get("factors", []))
        for event in found.exclude(kind=AuditKind.SIGNED_IN_FROM_NEW_DEVICE).order_by("pk")
        if event.user_agent == "Firefox" and event.request_id
    ]


def test_a_sign_in_is_recorded_from_the_first_failure_to_the_sign_out(rebels: Rebels) -> None:
    luke = rebels.luke.user
    secret = cast.add_second_factor(luke)
    browser = Client(headers={"user-agent": "Firefox"})
    browser.post(reverse("account_reset_password"), {"email": luke.email})
    browser.post(LOGIN, {"login": "nobody@rebels.example", "password": "wrong"})
    browser.post(LOGIN, {"login": luke.email, "password": "wrong"})
    browser.post(LOGIN, {"login": luke.email, "password": cast.PASSWORD})
    browser.post(SECOND_FACTOR, {"code": "000000"})
    browser.post(SECOND_FACTOR, {"code": code_of(secret)})
    browser.post(reverse("mfa_reauthenticate"), {"code": "000000"})
    browser.post(reverse("account_logout"))
    someone, me = "Someone", luke.email
    # What strangers can do too is written in the background, after the rest.
    assert sorted(events(rebels)) == sorted(
        [
            ("user.reset_requested", someone, []),
            ("user.sign_in_failed", someone, []),
            ("user.sign_in_failed", someone, ["second factor"]),
            ("user.signed_in", me, ["password", "code"]),
            ("user.step_up_failed", someone, []),
            ("user.signed_out", me, []),
        ]
    )


def test_a_step_up_is_recorded(rebels: Rebels) -> None:
    browser = cast.sign_in(rebels.luke.user)
    browser.post(STEP_UP, {"password": cast.PASSWORD}, headers={"user-agent": "Firefox"})
    assert events(rebels) == [("user.stepped_up", rebels.luke.user.email, ["password"])]


def test_a_lockout_is_recorded(rebels: Rebels) -> None:
    browser = Client(headers={"user-agent": "Firefox"})
    for _ in range(6):
        browser.post(LOGIN, {"login": rebels.luke.user.email, "password": "wrong"})
    kinds = [kind for kind, _who, _how in events(rebels)]
    assert kinds == ["user.sign_in_failed"] * 5 + ["user.sign_in_blocked"]


def test_only_the_first_attempts_of_an_hour_are_recorded() -> None:
    cap = HourlyCap(per_key=2, in_all=5)
    assert [cap.allows("luke") for _ in range(3)] == [True, True, False]
    assert [cap.allows(name) for name in ("leia", "han", "lando", "wedge")] == [
        True, True, True, False,
    ]  # fmt: skip
    cap.forget()
    assert cap.allows("luke")
