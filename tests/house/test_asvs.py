"""docs/reference/asvs.md assesses every requirement of the ASVS, and names only what exists.

`UPDATE_DOCS=1 pytest tests/house/test_asvs.py` counts the rows again.
"""

import ast
import csv
import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from tests.house.sources import ROOT
from tests.house.test_docs import exists, text_of

PAGE = "docs/reference/asvs.md"
REQUIREMENTS = ROOT / "tests" / "standards" / "asvs_5.0.0.csv"
STATUSES = ("Met", "Not applicable", "Open")

_ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::((?:Test\w+::)?test_\w+)`")
_FILE = re.compile(r"`([\w./-]+)`|\]\(([^)#]+)(?:#[^)]*)?\)")
_COUNTS = re.compile(r"^\| level \|.*\n(?:\|.*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    number: str
    level: str
    asks: str
    status: str
    evidence: str

    @property
    def chapter(self) -> str:
        return self.number.partition(".")[0]

    @property
    def tests(self) -> list[tuple[str, str]]:
        return _TEST.findall(self.evidence)

    @property
    def files(self) -> list[str]:
        """The files that it names or links to."""
        found = [code or link for code, link in _FILE.findall(self.evidence)]
        return [name for name in found if exists(name) or ((ROOT / PAGE).parent / name).exists()]


def rows_of(text: str) -> list[Row]:
    return [Row(*cells) for cells in _ROW.findall(text)]


def rows() -> list[Row]:
    return rows_of(text_of(PAGE))


def requirements() -> list[tuple[str, str]]:
    """The number of each requirement and its level."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    return [(row["requirement"], row["level"]) for row in csv.DictReader(lines)]


def counted(found: list[Row]) -> str:
    """The table at the beginning of the page."""
    lines = ["| level | requirements | met | not applicable | open |", f"| --- {'| ---: ' * 4}|"]
    for level in ("1", "2", "3", "all"):
        counts = Counter(row.status for row in found if level in (row.level, "all"))
        cells = [level, counts.total(), *(counts[status] for status in STATUSES)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


@cache
def names_in(path: str) -> set[str]:
    """The tests of a file, with the class that they are in."""
    file = ROOT / path
    tree = ast.parse(file.read_text() if file.is_file() else "")
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    groups = [("", tree.body), *((f"{each.name}::", each.body) for each in classes)]
    return {
        f"{prefix}{node.name}"
        for prefix, body in groups
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_requirement_of_the_asvs_has_one_row_in_order() -> None:
    assert len(requirements()) == 345
    assert [(row.number, row.level) for row in rows()] == requirements()


def test_each_chapter_of_the_asvs_has_its_rows_below_its_heading() -> None:
    _, *parts = re.split(r"^## V(\d+) .+$", text_of(PAGE), flags=re.MULTILINE)
    chapters = dict(zip(parts[::2], parts[1::2], strict=True))
    assert [*chapters] == [str(number) for number in range(1, 18)]
    for chapter, text in chapters.items():
        assert {row.chapter for row in rows_of(text)} == {chapter}


def test_the_counts_of_the_asvs_page_are_those_of_its_rows() -> None:
    text = text_of(PAGE)
    if os.environ.get("UPDATE_DOCS"):
        text = _COUNTS.sub(counted(rows()), text, count=1)
        (ROOT / PAGE).write_text(text)
    [table] = _COUNTS.findall(text)
    assert table == counted(rows()), "Run this test with UPDATE_DOCS=1."


def test_a_met_requirement_of_the_asvs_names_a_test_or_a_file() -> None:
    assert {row.status for row in rows()} <= set(STATUSES)
    unproven = [
        row.number for row in rows() if row.status == "Met" and not (row.tests or row.files)
    ]
    assert unproven == []


def test_every_test_that_the_asvs_page_names_exists() -> None:
    missing = [
        f"{row.number}: {path}::{name}"
        for row in rows()
        for path, name in row.tests
        if name not in names_in(path)
    ]
    assert missing == []


def test_an_open_requirement_of_the_asvs_says_what_is_missing() -> None:
    missing = [row.number for row in rows() if re.search(r"\bMissing: \S.{5}", row.evidence)]
    assert missing == [row.number for row in rows() if row.status == "Open"]


def test_a_requirement_of_the_asvs_that_does_not_apply_has_a_reason() -> None:
    reasons = [row.evidence for row in rows() if row.status == "Not applicable"]
    assert [reason for reason in reasons if not re.search(r"\w .*[.`]$", reason)] == []
