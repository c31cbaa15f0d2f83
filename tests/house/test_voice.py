"""What people read avoids the words that voice.py lists.

`voice_today.txt` says how many each directory still has. The numbers only shrink.
"""

from collections import defaultdict

import pytest

from tests.house.sources import ROOT
from tests.house.voice import PATTERNS, Finding, every_finding, python_texts, template_texts

TODAY = ROOT / "tests" / "house" / "voice_today.txt"
WITH_SUBDIRECTORIES = ("docs", "templates", "tests")


def directory_of(file: str) -> str:
    parts = file.split("/")[:-1]
    depth = 2 if parts[:1] and parts[0] in WITH_SUBDIRECTORIES else 1
    return "/".join(parts[:depth]) or file


@pytest.mark.slow
def test_the_voice_is_plain() -> None:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in every_finding():
        found[directory_of(finding.file)].append(finding)
    lines = (line.split() for line in TODAY.read_text().splitlines())
    today = {line[0]: int(line[1]) for line in lines if line}
    for directory, findings in found.items():
        listing = "\n".join(map(str, findings))
        assert len(findings) <= today.get(directory, 0), f"New wording to change:\n{listing}"
    assert set(today) <= set(found), f"Done: delete their lines from {TODAY.name}."


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
