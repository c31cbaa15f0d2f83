"""Texts hold only visible characters."""

import pytest
from django.core.exceptions import ValidationError

from core import texts
from core.texts import NO_NULL, ONE_LINE, fault_of


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Contractor Key",
        "Zoë O’Neill-Müller (2nd)",
        "北京 東京 서울",
        "שלום world",
        "مرحبا",
        "می‌خواهم",  # Persian, with its zero-width non-joiner
        "क्‍ष",  # Devanagari, with a joiner
        "👩‍💻 shift",  # an emoji composed of two
        "tea ☕️",  # with a variation selector
        "\u06dd١",  # a format character that shows
    ],
)
def test_text_of_every_script_passes(text: str) -> None:
    assert fault_of(text) == ""


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\x07", "U+0007"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\t", "U+0009"),
        ("\u00ad", "U+00AD (soft hyphen)"),
        ("\u061c", "U+061C (arabic letter mark)"),
        ("\u115f", "U+115F (hangul choseong filler)"),
        ("\u200b", "U+200B (zero width space)"),
        ("\u200d", "U+200D (zero width joiner)"),
        ("\u200e", "U+200E (left-to-right mark)"),
        ("\u202a", "U+202A (left-to-right embedding)"),
        ("\u202e", "U+202E (right-to-left override)"),
        ("\u2060", "U+2060 (word joiner)"),
        ("\u2066", "U+2066 (left-to-right isolate)"),
        ("\u2069", "U+2069 (pop directional isolate)"),
        ("\u3164", "U+3164 (hangul filler)"),
        ("\ufeff", "U+FEFF (zero width no-break space)"),
        ("\ud800", "U+D800"),
        ("\U000e0041", "U+E0041 (tag latin capital letter a)"),
    ],
)
def test_an_invisible_character_is_named(character: str, name: str) -> None:
    fault = f"Character 3 of this text, {name}, is invisible. Remove it, or type the text again."
    assert fault_of(f"ab{character}c") == fault
    if character != "\t":
        assert fault_of(f"ab{character}c", paragraphs=True) == fault


@pytest.mark.parametrize("text", ["\u200cab", "ab\u200c", "م\u200c", "م\u200c\u200cم", "é\u200d "])
def test_a_joiner_that_joins_nothing_is_refused(text: str) -> None:
    assert "is invisible" in fault_of(text)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"])
def test_a_line_has_no_line_breaks(line_break: str) -> None:
    assert fault_of(f"one{line_break}two") == ONE_LINE


def test_paragraphs_can_have_line_breaks_but_no_unicode_separators() -> None:
    assert fault_of("one\r\n\ttwo\nthree", paragraphs=True) == ""
    for separator in ("\u0085", "\u2028", "\u2029"):
        assert "is invisible" in fault_of(f"one{separator}two", paragraphs=True)


def test_null_is_refused_in_the_words_of_other_fields() -> None:
    assert fault_of("a\0b") == fault_of("a\0b", paragraphs=True) == NO_NULL


def test_actions_refuse_by_field() -> None:
    with pytest.raises(ValidationError) as refused:
        texts.refuse_faults(name="a\u202eb", label="fine\n", other="two\nlines")
    assert refused.value.message_dict == {
        "name": [fault_of("a\u202eb")],
        "other": [ONE_LINE],
    }
    texts.refuse_faults_in_paragraphs(reason="two\nlines")
