"""Search in the documentation: by section, in memory, because everything is there anyway."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from console.docs.headings import Anchors, plain
from console.docs.library import INDEX, DocsPage, pages
from core.docs_links import docs_path

MOST_HITS = 20
MOST_WORDS = 8
MOST_OF_A_PAGE = 3
AROUND = 90


@dataclass(frozen=True)
class Section:
    page: DocsPage
    heading: str
    anchor: str
    text: str
    terms: frozenset[str] = frozenset()
    """What its tables explain, such as settings and error codes: the first cell of each row."""

    @property
    def title(self) -> str:
        return f"{self.page.title} › {self.heading}" if self.heading else self.page.title

    @property
    def url(self) -> str:
        return docs_path(self.page.path, self.anchor)

    def score(self, words: list[str]) -> int:
        """0 if a word isn't there. A word in the title or the heading counts more."""
        return min(map(self._score_of, words)) and sum(map(self._score_of, words))

    def _score_of(self, word: str) -> int:
        in_title = 12 * _begins(word, self.page.title) + 10 * _begins(word, self.heading)
        # The introduction of a page comes before its sections.
        is_start = 3 if in_title and not self.anchor else 0
        is_explained = 20 if word in self.terms else 0
        return in_title + is_start + is_explained + min(_lower(self.text).count(word), 5)


@dataclass(frozen=True)
class SectionHit:
    section: Section
    before: str
    match: str
    after: str


def found_sections(query: str, *, most: int = MOST_HITS) -> list[SectionHit]:
    words = query.lower().split()[:MOST_WORDS]
    if not words:
        return []
    scored = [(section.score(words), section) for section in _sections()]
    ranked = sorted((each for each in scored if each[0]), key=lambda each: -each[0])
    kept: list[SectionHit] = []
    of_page: dict[str, int] = {}
    for _score, section in ranked:
        of_page[section.page.path] = of_page.get(section.page.path, 0) + 1
        if of_page[section.page.path] <= MOST_OF_A_PAGE:
            kept.append(_hit(section, words))
        if len(kept) == most:
            break
    return kept


def _begins(word: str, text: str) -> bool:
    return f" {word}" in f" {_lower(text)}"


@cache
def _lower(text: str) -> str:
    return text.lower()


def _hit(section: Section, words: list[str]) -> SectionHit:
    """The text around the first word that it contains."""
    places = [(_lower(section.text).find(word), len(word)) for word in words]
    at, length = min(((at, length) for at, length in places if at >= 0), default=(0, 0))
    before, match, after = (
        section.text[:at], section.text[at : at + length], section.text[at + length :]
    )  # fmt: skip
    if len(before) > AROUND // 2:
        before = f"…{before[-AROUND // 2 :].partition(' ')[2]}"
    if len(after) > AROUND:
        after = f"{after[:AROUND].rpartition(' ')[0]}…"
    return SectionHit(section, before, match, after)


@cache
def _sections() -> tuple[Section, ...]:
    return tuple(
        section for path, page in pages().items() if path != INDEX for section in _sections_of(page)
    )


def _sections_of(page: DocsPage) -> Iterator[Section]:
    anchors = Anchors()
    heading = anchor = ""
    lines: list[str] = []
    is_code = False
    for line in page.text.splitlines():
        is_code ^= line.lstrip().startswith("```")
        found = None if is_code else re.match(r"#+ (.+)$", line)
        if not found:
            lines.append(line)
            continue
        if lines:
            yield _section(page, heading, anchor, lines)
        name = anchors.of(found[1])
        is_title = line.startswith("# ")
        heading, anchor = ("", "") if is_title else (plain(found[1]), name)
        lines = []
    yield _section(page, heading, anchor, lines)


def _section(page: DocsPage, heading: str, anchor: str, lines: list[str]) -> Section:
    cells = [plain(line.split("|")[1]).lower() for line in lines if line.startswith("|")]
    return Section(page, heading, anchor, plain("\n".join(lines)), frozenset(cells))
