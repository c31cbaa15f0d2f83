"""The words that the voice of this product avoids, and where people would read them.

`python -m tests.house.voice [PATH ...]` lists what it finds, with the wording to use instead.
"""

import ast
import io
import itertools
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.sources import ROOT, tracked_files


@dataclass(frozen=True)
class Pattern:
    """`pages_only`: refused on pages, in emails and in docs, and fine in code and its comments."""

    text: str
    instead: str
    pages_only: bool = False

    @property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.text, re.IGNORECASE)


PATTERNS = (
    Pattern(r"\bwhom?ever\b", "say who: people who, anyone, the owner"),
    Pattern(r"\bwhatever\b", "any, anything, everything, regardless of"),
    Pattern(r"\b(nobody|somebody|anybody|everybody)\b", "no one, someone, anyone, everyone"),
    Pattern(r"\bof whom\b", "two sentences"),
    Pattern(r"\bwho may\b", "who can"),
    Pattern(r"\bmend(s|ed|ing)?\b", "fix"),
    Pattern(r"\b(stands|standing|not stand|still stand)\b", "valid, active, works"),
    Pattern(r"\bgo(es)? on\b", "continue"),
    Pattern(r"\blies? unused\b", "hasn’t been used"),
    Pattern(r"\bdrain(s|ed|ing)?\b", "grace period"),
    Pattern(r"\bis (none|nothing) (of|that|which)\b", "isn’t a, unsupported"),
    Pattern(r"(?<!there )\bis no (active )?(app|address|credential|developer|jwt)\b", "isn’t a"),
    Pattern(r"\bit is [^.,;:]{2,30} (that|who)\b", "say it directly"),
    Pattern(r"(?<![\w.-])(e-mail|mails?|mailed)(?![\w-]|\.\w)", "email"),
    Pattern(r"\bcannot\b", "can’t"),
    Pattern(r"\b\w*(olour|viour|avour|onour|ganise|gnise)\w*|\bgrey\b", "the American spelling"),
    Pattern(r"\bPure\.", "leave it out"),
    Pattern(r"\bmay not\b", "can’t", pages_only=True),
    Pattern(r"\blook(s|ed|ing)? at\b", "view, see, read, check", pages_only=True),
    Pattern(r"['\"]", "’ or “ ”", pages_only=True),
)  # fmt: skip
# Parts of names in code.
BANNED_IN_NAMES = {"stand", "stands", "standing", "mend", "mends", "mended", "mending", "whoever"}

_CODE_IN_TEMPLATES = re.compile(
    r"{%.*?%}|{#.*?#}|{{.*?}}|<!--.*?-->|<(script|style)\b.*?</\1>", re.DOTALL
)
_TAG = re.compile(r"<[^>]*>", re.DOTALL)
_READ_ALOUD = re.compile(r'\b(?:aria-label|alt|placeholder|title)="([^"]*)"')
_CODE_IN_DOCS = re.compile(
    r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>|^ {4}.*?$", re.DOTALL | re.MULTILINE
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words} → {self.instead}"


Text = tuple[int, str]  # with the number of its first line


def _blank(match: re.Match[str]) -> str:
    """As many line breaks as before, so that line numbers stay right."""
    return " " + "\n" * match[0].count("\n")


def template_texts(source: str) -> Iterator[Text]:
    words = _CODE_IN_TEMPLATES.sub(_blank, source)
    for label in _READ_ALOUD.finditer(words):
        yield words.count("\n", 0, label.start()) + 1, label[1]
    yield 1, _TAG.sub(_blank, words)


def email_texts(source: str) -> Iterator[Text]:
    yield 1, _CODE_IN_TEMPLATES.sub(_blank, source)


def document_texts(source: str) -> Iterator[Text]:
    yield 1, _CODE_IN_DOCS.sub(_blank, source)


def python_texts(source: str) -> Iterator[Text]:
    """Comments, docstrings, and strings that are more than one word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    yield from comments(source)


def test_texts(source: str) -> Iterator[Text]:
    """Comments and docstrings: strings of tests quote what the product must refuse."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    yield from comments(source)


def comments(source: str) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id


def readers(name: str) -> tuple[bool, Callable[[str], Iterator[Text]]] | None:
    """How the texts of a file are read, and whether it is a page, an email or a document."""
    if name.startswith("templates/") and name.endswith(".html"):
        return True, template_texts
    if name.startswith("templates/credentials/snippets/"):
        # Code in other languages.
        return None
    if name.startswith("templates/") and name.endswith(".txt"):
        return True, email_texts
    if name.endswith(".md"):
        return True, document_texts
    if name.endswith(".py") and "/migrations/" not in name:
        return False, test_texts if name.startswith("tests/") else python_texts
    return None


def findings(path: Path) -> Iterator[Finding]:
    name = path.relative_to(ROOT).as_posix()
    reader = readers(name)
    if reader is None or path.stem in ("voice", "test_voice"):
        return
    is_page, texts_of = reader
    source = path.read_text()
    patterns = [pattern for pattern in PATTERNS if is_page or not pattern.pages_only]
    for (first, text), pattern in itertools.product(list(texts_of(source)), patterns):
        for match in pattern.regex.finditer(text):
            line = first + text.count("\n", 0, match.start())
            yield Finding(name, line, match[0], pattern.instead)
    if name.endswith(".py"):
        yield from banned_names(name, source)


def banned_names(file: str, source: str) -> Iterator[Finding]:
    for line, identifier in names(source):
        if BANNED_IN_NAMES & {word.lower() for word in _WORDS.findall(identifier)}:
            yield Finding(file, line, identifier, "a name with valid, active, works or fix")


def every_finding(*below: str) -> list[Finding]:
    return [
        finding
        for path in tracked_files()
        if not below or path.relative_to(ROOT).as_posix().startswith(below)
        for finding in findings(path)
    ]


if __name__ == "__main__":
    sys.stdout.writelines(f"{finding}\n" for finding in every_finding(*sys.argv[1:]))
