"""Keeps the ceremonies of Web Authentication (§1.2) apart.

django-allauth keeps the challenge of every ceremony at the same place of the session. Without a
mark, the answer to one would complete another: a touch, which is enough as a second factor, would
sign people in without their password.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.base_user import AbstractBaseUser

_CEREMONY, _PERSON = "ceremony", "person"


class Ceremony(StrEnum):
    REGISTRATION = "registration"
    SECOND_FACTOR = "second factor"
    SIGN_IN = "sign-in"
    STEP_UP = "step-up"


@contextmanager
def beginning(ceremony: Ceremony, user: AbstractBaseUser | None = None) -> Iterator[None]:
    """Mark the challenge that allauth makes in this block. At sign-in, no one is known yet."""
    auth.clear_state()
    yield
    state = auth.get_state()
    if state is not None:
        auth.set_state({**state, _CEREMONY: ceremony.value, _PERSON: _identity(user)})


@contextmanager
def completing(ceremony: Ceremony, user: AbstractBaseUser | None = None) -> Iterator[None]:
    """Let only an answer to this ceremony of this person be verified, once."""
    state = auth.get_state() or {}
    try:
        if (state.get(_CEREMONY), state.get(_PERSON)) != (ceremony.value, _identity(user)):
            # allauth refuses every answer without a challenge.
            auth.clear_state()
        yield
    finally:
        auth.clear_state()


def cancel() -> None:
    auth.clear_state()


def _identity(user: AbstractBaseUser | None) -> str:
    return "" if user is None else str(user.pk)
