"""What happens to a JWT, a token or a secret between where it is kept and a request.

Everything here depends on the text alone. So a forger learns nothing from it: not whether there is
such a credential, token or client, nor how close the text is to a valid one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from credentials.refused import Reason, RefusedRequest

AnyRefusal = TypeVar("AnyRefusal", bound=RefusedRequest)

# The longest text that we look at. Tokens and secrets of ours are shorter.
_LONGEST = 10_000
# RFC 7518 §3.4: an ES256 signature of 64 bytes, in base64url.
SIGNATURE_LENGTH = 86
# Our secrets and refresh tokens have a prefix and at least 43 characters.
_CUT_SECRET = re.compile(r"(?:cs|rt)_[A-Za-z0-9_-]{16,42}")
_JWT_BEGINS = re.compile(r"eyJ[A-Za-z0-9_-]*")
_SCHEME = re.compile(r"\s*(?:bearer|basic)\b[\s:]", re.IGNORECASE)
_QUOTES = "\"'`“”‘’«»"
_BLANK = re.compile(r"\s")
# Also as escapes, which a file of settings or JSON can keep as they are.
_LINE_BREAK_AT_END = re.compile(r"(?:[\r\n]|\\[rn])[ \t]*\Z")
_PERCENT_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True)
class Damage:
    reason: Reason
    predicate: str
    """The rest of a sentence that begins with what was sent, in ASCII (RFC 6749 §5.2)."""
    remedy: str
    is_in: Callable[[str], object]


def _has_blanks(text: str) -> bool:
    # Those at the ends have messages of their own.
    return _BLANK.search(text.strip()) is not None


def _ends_with_line_break(text: str) -> bool:
    return _LINE_BREAK_AT_END.search(text[-20:]) is not None


def _is_cut_off(text: str) -> bool:
    if _CUT_SECRET.fullmatch(text):
        return True
    parts = text.split(".")
    if not _JWT_BEGINS.fullmatch(parts[0]) or len(parts) > 3:
        return False
    return len(parts) < 3 or len(parts[2]) < SIGNATURE_LENGTH


# In the order of mistakes: the first that is found is named.
DAMAGES: tuple[Damage, ...] = (
    Damage(
        Reason.SCHEME_IN_SECRET,
        "begins with the word Bearer or Basic",
        "without this word",
        _SCHEME.match,
    ),
    Damage(
        Reason.QUOTED,
        "is in quotation marks",
        "without quotation marks",
        lambda text: text.strip()[0] in _QUOTES or text.strip()[-1] in _QUOTES,
    ),
    Damage(
        Reason.BLANKS_INSIDE,
        "has spaces or line breaks",
        "as one line without spaces",
        _has_blanks,
    ),
    Damage(
        Reason.LINE_BREAK_AT_END,
        "ends with a line break",
        "without the line break: many editors and the command echo add one to a file",
        _ends_with_line_break,
    ),
    Damage(
        Reason.BLANKS_AROUND,
        "begins or ends with a space",
        "without spaces around it",
        lambda text: text != text.strip(),
    ),
    Damage(
        Reason.PERCENT_ENCODED,
        "is URL-encoded",
        "decoded, so that it has no percent sign",
        _PERCENT_ENCODED.search,
    ),
    Damage(
        Reason.INVISIBLE_CHARACTER,
        "has an invisible character or one outside ASCII",
        "after copying it again, or in plain ASCII",
        lambda text: not (text.isascii() and text.isprintable()),
    ),
    Damage(
        Reason.CUT_OFF,
        "is cut off: its end is missing",
        "whole",
        _is_cut_off,
    ),
)


def damage_of(text: str) -> Damage | None:
    if not text.strip() or len(text) > _LONGEST:
        return None
    return next((damage for damage in DAMAGES if damage.is_in(text)), None)


def note_damage(refusal: AnyRefusal, **sent: str) -> AnyRefusal:
    """Adds a hint about the first of these texts that is damaged; each name begins a sentence."""
    for what, text in sent.items():
        if damage := damage_of(text):
            refusal.hint = f"The {what.replace('_', ' ')} {damage.predicate}."
            refusal.about(reason=damage.reason)
            break
    return refusal
