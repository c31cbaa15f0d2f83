"""The platform's own words: the name of the console, and the words for extensions and accounts."""

import re
from collections.abc import Callable

from django.conf import settings
from django.utils.functional import lazy

# Names that already say that this is a console.
_CONSOLE = re.compile(r"\b(console|portal)$", re.IGNORECASE)
_PHRASE = re.compile(
    r"(?:(an?) )?(platform login|login|extension|platform account|account)(s?)", re.IGNORECASE
)
_KEYS = {
    "platform login": "extension",
    "login": "extension",
    "extension": "extension",
    "platform account": "account",
    "account": "account",
}
_SOUNDS_LIKE_A_VOWEL = re.compile(
    r"hour|heir|hono|hones|(?!eu|one|uni|use|usu|ut)[aeiou]", re.IGNORECASE
)


def platform_name() -> str:
    return settings.PLATFORM.name


def console_name(*, article: bool = False) -> str:
    """The name after “the” in a sentence: `Developer Console`, or `Acme console`."""
    name = platform_name()
    called = name if _CONSOLE.search(name) else f"{name} console"
    return with_article(called) if article else called


def with_article(word: str) -> str:
    return f"{'an' if _SOUNDS_LIKE_A_VOWEL.match(word) else 'a'} {word}"


def word(phrase: str) -> str:
    """The platform's word for something that has several names on the original platform.

    `phrase` is one of these names, such as `platform logins`, `an extension` or `Account`.
    """
    parts = _PHRASE.fullmatch(phrase)
    if parts is None:
        raise ValueError(f"No platform has another word for {phrase!r}.")
    article, thing, plural = parts.groups()
    key = _KEYS[thing.lower()]
    singular_and_plural = settings.PLATFORM.words[key]
    if singular_and_plural[0] == key:
        return phrase
    chosen = singular_and_plural[1 if plural else 0]
    if article:
        chosen = with_article(chosen)
    return capitalized(chosen) if phrase[0].isupper() else chosen


def later(text: Callable[[], str]) -> str:
    """A text with the platform's words, which is evaluated when it is shown."""
    made: str = lazy(text, str)()
    return made


def capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
