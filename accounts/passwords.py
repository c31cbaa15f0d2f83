"""Words that make a password easy to guess in this installation: names, and the console's own.

docs/reference/input.md lists them.
"""

import re
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.models import User

OWN_WORDS = (
    "administrator",
    "auditor",
    "console",
    "credential",
    "developer",
    "operator",
    "production",
    "sandbox",
)
# Random passwords contain shorter ones by chance.
SHORTEST_WORD = 4

_LETTERS = re.compile(r"[^\W\d_]+")
# A password as it is, and with the letters that people replace with digits and signs.
_READINGS: tuple[dict[int, int], ...] = (
    {},
    str.maketrans("0134578@$!", "oieastbasi"),
    str.maketrans("0134578@$!", "oleastbasl"),
)


class ContextWordsValidator:
    """Refuses passwords that are too short without the words that can be guessed here."""

    def __init__(self, min_length: int) -> None:
        self.min_length = min_length

    def validate(self, password: str, user: User | None = None) -> None:
        words = context_words(user)
        rest, found = min(_without(words, password, reading) for reading in _READINGS)
        if found and rest < self.min_length:
            raise ValidationError(
                "Without “%(words)s”, which others can guess, this password is too short. Use "
                "%(length)s other characters or more.",
                code="password_context_words",
                params={"words": "” and “".join(found), "length": self.min_length},
            )

    def get_help_text(self) -> str:
        return (
            "Words that others can guess don’t count, such as your name, your email address, and "
            "the name of your organization."
        )


def context_words(user: User | None) -> set[str]:
    texts = [settings.PLATFORM.name, *OWN_WORDS, *settings.PASSWORD_WORDS]
    if user is not None:
        local_part, _, domain = user.email.partition("@")
        # Without the last part of the domain, such as `.com`.
        texts += [user.name, user.first_name, user.last_name, local_part, domain.rpartition(".")[0]]
        if membership := getattr(user, "membership", None):
            texts.append(membership.organization.name)
    words = _words_of(texts)
    # A platform can have the name of the demo's public password.
    return words - _words_of([settings.DEMO_PASSWORD]) if settings.DEMO else words


def _words_of(texts: Iterable[str]) -> set[str]:
    """The words of each text, and the text in one word."""
    found: set[str] = set()
    for text in map(str.lower, texts):
        found |= {*_LETTERS.findall(text), "".join(filter(str.isalnum, text))}
    return {word for word in found if len(word) >= SHORTEST_WORD}


def _without(words: set[str], password: str, reading: dict[int, int]) -> tuple[int, list[str]]:
    """How many characters remain, and which words the password contains."""
    text, found = password.lower().translate(reading), []
    for word in sorted(words, key=lambda word: (-len(word), word)):
        if word in text:
            found.append(word)
            # What was before and after a word doesn't make another one.
            text = text.replace(word, "\0")
    return len(text) - text.count("\0"), found
