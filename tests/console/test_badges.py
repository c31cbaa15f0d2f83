"""Every state that a page can show has a badge."""

import re

import pytest
from django.template import Context, Template

from accounts.environments import Environment
from console.badges import STATES, status_badge
from credentials.models.applications import ClientStatus
from credentials.models.signing_keys import KeyState

OF_CREDENTIALS = ("active", "expiring", "expired", "replacing", "replaced", "revoked")
OF_INVITATIONS = ("pending", "expired")


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_an_icon_and_words(state: str) -> None:
    badge = status_badge(state)
    assert re.search(r'<svg [^>]*class="icon"><', badge)
    assert f"<span>{STATES[state].text}</span>" in badge


@pytest.mark.parametrize(
    "state", [*KeyState, *ClientStatus, *OF_CREDENTIALS, *OF_INVITATIONS], ids=str
)
def test_everything_with_a_state_has_a_badge(state: str) -> None:
    assert state in STATES


def test_other_words_are_escaped_and_can_be_for_screen_readers_only() -> None:
    template = "{% load badges %}{% status_badge 'revoked' text=text compact=True %}"
    badge = Template(template).render(Context({"text": "by <b>"}))
    assert badge.startswith('<span class="badge badge--danger badge--compact">')
    assert badge.endswith('<span class="visually-hidden">by &lt;b&gt;</span></span>')


@pytest.mark.parametrize("environment", Environment)
def test_environments_have_badges(environment: Environment) -> None:
    template = "{% load badges %}{% environment_badge environment %}"
    badge = Template(template).render(Context({"environment": environment.value}))
    assert badge.startswith(f'<span class="badge badge--{environment.value}"><svg ')
    assert badge.endswith(f"</svg>{environment.label}</span>")
