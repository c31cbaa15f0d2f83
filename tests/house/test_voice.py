"""What people read avoids the words that voice.py lists."""

import pytest

from tests.house.voice import PATTERNS, every_finding, python_texts, template_texts


@pytest.mark.slow
def test_the_voice_is_plain() -> None:
    findings = list(map(str, every_finding()))
    assert findings == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Whoever holds it can use it.",
        "Who may rotate it?",
        "Its owner does not stand.",
        "The address is no address.",
        "It lies unused.",
        "We send a mail.",
        "It is the owner who decides.",
    ],
)
def test_a_translated_sentence_is_found(sentence: str) -> None:
    assert any(pattern.regex.search(sentence) for pattern in PATTERNS)


@pytest.mark.parametrize(
    "sentence",
    [
        "An email to mail.example and MAIL_FROM, or two emails.",
        "We recommend to amend the standby’s settings.",
        "There is no app with this client ID.",
    ],
)
def test_a_plain_sentence_is_not(sentence: str) -> None:
    found = [pattern.text for pattern in PATTERNS if pattern.regex.search(sentence)]
    assert found == []


def test_code_in_templates_is_no_text() -> None:
    source = (
        '{% if "whoever" in mail %}<p class="mail" title="A mail">Hello{# mail #}</p>{% endif %}'
    )
    texts = [text.strip() for _line, text in template_texts(source)]
    assert texts == ["A mail", "Hello"]


def test_strings_of_one_word_are_no_text() -> None:
    source = '"""A docstring."""\nname = "mail"  # A comment.\nlabel = "Two words"\n'
    texts = {text for _line, text in python_texts(source)}
    assert texts == {"A docstring.", "Two words", "# A comment."}
