"""Every door for email addresses knows their spellings, and refuses invisible characters."""

from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Invitation, User
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Rebels

HIDDEN = "luke@rebels.example\u200b"
FAULT = "Character 20 of this text, U+200B (zero width space), is invisible."
UNICODE, ASCII = "mon@bücher.example", "mon@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("page", "field", "data"),
    [
        ("accounts:invite", "email", {"role": "developer"}),
        ("account_email", "email", {"action_add": ""}),
        ("account_reset_password", "email", {}),
    ],
)
def test_a_form_names_the_invisible_character(
    page: str, field: str, data: dict[str, str], leia: Client
) -> None:
    refused = leia.post(reverse(page), {field: HIDDEN, **data})
    [message] = refused.context["form"].errors[field]
    assert message.startswith(FAULT)
    assert HIDDEN in refused.content.decode()
    assert not Invitation.objects.exists()
    assert mail.outbox == []


def test_the_sign_in_page_names_it_too(rebels: Rebels) -> None:
    refused = Client().post(reverse("account_login"), {"login": HIDDEN, "password": cast.PASSWORD})
    [message] = refused.context["form"].errors["login"]
    assert message.startswith(FAULT)


@pytest.fixture
def mon(rebels: Rebels) -> User:
    return cast.join(rebels.organization, UNICODE, ConsoleRole.AUDITOR, sandbox=False).user


@pytest.mark.parametrize("typed", [UNICODE, ASCII, UNICODE.upper()])
def test_people_sign_in_with_any_spelling(typed: str, mon: User) -> None:
    browser = Client()
    browser.post(reverse("account_login"), {"login": typed, "password": cast.PASSWORD})
    assert browser.session["_auth_user_id"] == str(mon.pk)
    browser.post(reverse("account_logout"))
    browser.post(reverse("account_reset_password"), {"email": typed})
    [message] = mail.outbox
    assert message.to == [ASCII]
    assert "/password/reset/key/" in message.body


def test_a_spelling_is_invited_once(mon: User, leia: Client) -> None:
    for typed in (UNICODE, ASCII):
        page = leia.post(reverse("accounts:invite"), {"email": typed, "role": "auditor"})
        [message] = page.context["form"].errors["email"]
        assert "already has the Auditor role" in message


@pytest.mark.parametrize(
    "command",
    [
        ("create_organization", "Naboo", "--admin", HIDDEN),
        ("make_operator", HIDDEN),
        ("reset_second_factor", HIDDEN, "--proof", "ID card by video call"),
        ("send_password_reset", HIDDEN),
        ("set_external_id", "sandbox", "--clear", "--email", HIDDEN),
    ],
)
def test_a_command_names_the_invisible_character(command: tuple[Any, ...], rebels: Rebels) -> None:
    with pytest.raises(CommandError, match=r"U\+200B \(zero width space\), is invisible"):
        call_command(*command)


def test_the_action_refuses_it(rebels: Rebels) -> None:
    with pytest.raises(ValidationError, match="is invisible"):
        cast.join(rebels.organization, HIDDEN, ConsoleRole.AUDITOR)
