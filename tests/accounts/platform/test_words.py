import pytest

from accounts.platform.words import console_name, with_article, word
from tests.platforms import BRANDED, EXTENDED, ORDERS, UsePlatform


@pytest.mark.parametrize(
    ("phrase", "chosen"),
    [
        ("extension", "seat"),
        ("Extensions", "Seats"),
        ("an extension", "a seat"),
        ("platform login", "seat"),
        ("Platform logins", "Seats"),
        ("logins", "seats"),
        ("Account", "Workspace"),
        ("platform accounts", "workspaces"),
    ],
)
def test_a_platform_has_words_of_its_own(
    phrase: str, chosen: str, use_platform: UsePlatform
) -> None:
    use_platform(BRANDED)
    assert word(phrase) == chosen


def test_without_words_and_telephony_an_extension_is_a_login(use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    assert word("Extension") == "Login"
    assert word("Platform logins") == "Logins"
    assert word("a platform account") == "a platform account"


def test_the_original_words_stay(use_platform: UsePlatform) -> None:
    use_platform(EXTENDED)
    for phrase in ("an extension", "Platform logins", "login", "Account"):
        assert word(phrase) == phrase


def test_only_things_have_other_words() -> None:
    with pytest.raises(ValueError, match="No platform has another word for 'phone'"):
        word("phone")


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Acme", "Acme console"),
        ("Acme Console", "Acme Console"),
        ("Acme developer portal", "Acme developer portal"),
        ("Consoles", "Consoles console"),
    ],
)
def test_the_name_of_the_console(name: str, called: str, use_platform: UsePlatform) -> None:
    use_platform(ORDERS.replace('"Acme"', f'"{name}"'))
    assert console_name() == called


@pytest.mark.parametrize(
    "phrase", ["a seat", "an Acme", "a unit", "a user", "an hour", "an umbrella", "a European"]
)
def test_articles_follow_the_sound(phrase: str) -> None:
    assert with_article(phrase.split()[1]) == phrase
