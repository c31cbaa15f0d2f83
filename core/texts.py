"""Which characters names, labels, reasons and addresses can hold: only visible ones.

An invisible character, or one that changes the direction of the text, makes one name look like
another, hides words in a reason, and breaks lines of a log or an email (Unicode UTS #39).
"""

import unicodedata

from django.core.exceptions import ValidationError

ONE_LINE = "Enter this on one line."
# Django's own words: it refuses these in every form field.
NO_NULL = "Null characters are not allowed."
_LINE_BREAKS = {"\n", "\r", "\u0085", "\u2028", "\u2029"}
# Allowed within paragraphs. Browsers send line breaks as CRLF, hence the `\r`.
_IN_PARAGRAPHS = {"\n", "\r", "\t"}
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Format characters that are visible: Arabic, Syriac and Kaithi signs around a number.
_VISIBLE_FORMATS = set(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd"
)
# Letters and marks by their category, which nevertheless are blank.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# Persian and the scripts of India are spelled with these, and emoji are composed with the second.
_JOINERS = {"\u200c", "\u200d"}


def fault_of(text: str, *, paragraphs: bool = False) -> str:
    """The error message for a text; empty if it is fine. Only `paragraphs` can have line breaks."""
    for position, character in enumerate(text):
        if paragraphs and character in _IN_PARAGRAPHS:
            continue
        if character in _LINE_BREAKS and not paragraphs:
            return ONE_LINE
        if _is_invisible(text, position):
            return _invisible(character, position)
    return ""


def _invisible(character: str, position: int) -> str:
    if character == "\0":
        return NO_NULL
    return (
        f"Character {position + 1} of this text, {_name(character)}, is invisible. "
        "Remove it, or type the text again."
    )


def refuse_faults(**texts: str) -> None:
    """Raises `ValidationError` by field for lines of text with invisible characters."""
    _refuse({name: fault_of(text.strip()) for name, text in texts.items()})


def refuse_faults_in_paragraphs(**texts: str) -> None:
    _refuse({name: fault_of(text.strip(), paragraphs=True) for name, text in texts.items()})


def _refuse(faults: dict[str, str]) -> None:
    found = {name: [fault] for name, fault in faults.items() if fault}
    if found:
        raise ValidationError(found)


def _is_invisible(text: str, position: int) -> bool:
    character = text[position]
    if character.isascii():
        return not character.isprintable()
    if character in _JOINERS:
        return not _joins(text, position)
    if character in _BLANK:
        return True
    return (
        unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _VISIBLE_FORMATS
    )


def _joins(text: str, position: int) -> bool:
    # A joiner belongs between two signs of a script that needs it, which ASCII never does.
    before, after = text[position - 1 : position], text[position + 1 : position + 2]
    return all(
        sign and not sign.isascii() and sign not in _JOINERS and not sign.isspace()
        for sign in (before, after)
    )


def _name(character: str) -> str:
    number = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    return f"{number} ({name.lower()})" if name else number
