"""What people may write in names, labels, reasons and addresses: only what everyone can see. Pure.

A character that shows nothing, or that turns the direction of what follows, makes one name look
like another, hides words in a reason, and breaks lines of a log or a mail (Unicode UTS #39).
"""

import unicodedata

from django.core.exceptions import ValidationError

ONE_LINE = "Write this on one line."
# As Django says it, which refuses these in every field.
NO_NULL = "Null characters are not allowed."
_LINE_BREAKS = {"\n", "\r", "\u0085", "\u2028", "\u2029"}
# Within paragraphs; `\r` because browsers send line breaks as CRLF.
_IN_PARAGRAPHS = {"\n", "\r", "\t"}
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Format characters that do show: Arabic, Syriac and Kaithi signs around a number.
_SEEN_FORMATS = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd")
# Letters and marks by category that are blank nevertheless.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# Persian and the scripts of India spell with these, and emoji are composed with the second.
_JOINERS = {"\u200c", "\u200d"}


def fault_of(text: str, *, paragraphs: bool = False) -> str:
    """What is wrong with a text, in words for whoever wrote it; empty if nothing is.

    Line breaks are allowed in `paragraphs` only.
    """
    for position, character in enumerate(text):
        if paragraphs and character in _IN_PARAGRAPHS:
            continue
        if character == "\0":
            return NO_NULL
        if character in _LINE_BREAKS and not paragraphs:
            return ONE_LINE
        if _is_unseen(text, position):
            return (
                f"Character {position + 1} of this text, {_name(character)}, can't be seen. "
                "Remove it, or type the text again."
            )
    return ""


def refuse_faults(**texts: str) -> None:
    """Raises `ValidationError` by field for lines of text that hold what can't be seen."""
    _refuse({name: fault_of(text.strip()) for name, text in texts.items()})


def refuse_faults_in_paragraphs(**texts: str) -> None:
    """The same for texts that may have more than one line."""
    _refuse({name: fault_of(text.strip(), paragraphs=True) for name, text in texts.items()})


def _refuse(faults: dict[str, str]) -> None:
    found = {name: [fault] for name, fault in faults.items() if fault}
    if found:
        raise ValidationError(found)


def _is_unseen(text: str, position: int) -> bool:
    character = text[position]
    if character.isascii():
        return not character.isprintable()
    if character in _JOINERS:
        return not _joins(text, position)
    if character in _BLANK:
        return True
    return unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _SEEN_FORMATS


def _joins(text: str, position: int) -> bool:
    """Whether a joiner stands between two signs of a script that needs it; Latin never does."""
    before, after = text[position - 1 : position], text[position + 1 : position + 2]
    return all(
        sign and not sign.isascii() and sign not in _JOINERS and not sign.isspace()
        for sign in (before, after)
    )


def _name(character: str) -> str:
    number = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    return f"{number} ({name.lower()})" if name else number
