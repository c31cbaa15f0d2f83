"""Passwords that others can guess, or that appeared in data breaches."""

import re

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from pytest_django import Settings

from accounts.models import Membership, Organization, User
from accounts.passwords import OWN_WORDS, context_words
from core.passwords import BreachedPasswordValidator
from tests.house.test_docs import sections, text_of


@pytest.fixture
def wicket() -> User:
    user = User(email="wicket.warrick@ewoks.example", first_name="Wicket", last_name="Warrick")
    Membership(user=user, organization=Organization(name="Bright Tree Village Ltd"))
    return user


def refusals(password: str, user: User | None) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    "password",
    [
        "Wicket-8f3k!q",
        "warrick warrick 8f3k",
        "8f3k-ewoks-8f3k",
        "BrightTreeVillage81",
        "8f3k village 8f3k",
        "devel0per-8f3k!q",
        "m1llennium 8f3k",
        "C0n$o1e Sandb0x 8f3k",
    ],
)
def test_words_that_others_can_guess_do_not_count(
    wicket: User, settings: Settings, password: str
) -> None:
    settings.PASSWORD_WORDS = ["Millennium Falcon"]
    [message] = refusals(password, wicket)
    assert message.endswith("this password is too short. Use 12 other characters or more.")
    assert refusals(f"{password} seven blue kettles", wicket) == []


def test_the_message_names_the_words_and_not_the_password(wicket: User) -> None:
    assert refusals("Console.Village81", wicket) == [
        "Without “console” and “village”, which others can guess, this password is too short. Use "
        "12 other characters or more."
    ]


def test_words_of_fewer_than_four_letters_count() -> None:
    user = User(email="ig@bb8.example", first_name="Ig", last_name="Bb8")
    Membership(user=user, organization=Organization(name="Xyz Co"))
    assert refusals("ig bb8 xyz co qw", user) == []


def test_without_a_person_only_the_words_of_the_platform_do_not_count() -> None:
    assert context_words(None) == {*OWN_WORDS, "developer", "developerconsole"}
    assert refusals("sandbox-sandbox-1", None)


def test_the_documented_words_are_those_of_the_code() -> None:
    listed = sections(text_of("docs/reference/input.md"), 3)["Words that don’t count in passwords"]
    [line] = re.findall(r"^- words of the console: (.*?)(?=^- )", listed, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", line) == [*OWN_WORDS]


@pytest.mark.parametrize("password", ["iloveyouforever", "ILoveYouForever", "letmein123456"])
def test_a_breached_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError, match="appeared in a data breach"):
        BreachedPasswordValidator().validate(password)
    assert any("data breach" in message for message in refusals(password, None))


def test_short_passwords_are_left_to_the_rule_of_their_length() -> None:
    [message] = refusals("x7-kq!", None)
    assert message.startswith("This password is too short.")
