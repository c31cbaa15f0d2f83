"""The pages of the documentation: the files below docs/, and two files beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from django.conf import settings

from core.docs_links import ROOT, docs_path

INDEX = ""
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class DocsPage:
    path: str
    """Its address below /docs, empty for the index."""
    file: Path

    @cached_property
    def text(self) -> str:
        """The Markdown, without the comments that mark generated parts."""
        return _COMMENT.sub("", self.file.read_text())

    @cached_property
    def title(self) -> str:
        found = _TITLE.search(self.text)
        return found[1] if found else self.path

    @property
    def url(self) -> str:
        return docs_path(self.path)

    @property
    def markdown_url(self) -> str:
        return f"{self.url}.md"

    @cached_property
    def markdown(self) -> str:
        """The Markdown, with links that work wherever someone reads it."""

        def absolute(link: re.Match[str]) -> str:
            return f"{link[1]}{self.target(link[2], as_markdown=True)}{link[3]}"

        return _LINK.sub(absolute, self.text)

    def linked_files(self) -> Iterator[Path]:
        for _start, target, _end in _LINK.findall(self.text):
            if not _is_elsewhere(target):
                yield self._file(target.partition("#")[0])

    def target(self, link: str, *, as_markdown: bool = False) -> str:
        """Where a link of this page leads, from the links that work in the repository."""
        if _is_elsewhere(link):
            return link
        name, _, anchor = link.partition("#")
        address = _address(self._file(name), as_markdown=as_markdown)
        if as_markdown:
            address = f"{settings.ORIGIN}{address}"
        return f"{address}#{anchor}" if anchor else address

    def _file(self, name: str) -> Path:
        return (self.file.parent / name).resolve()


def _is_elsewhere(link: str) -> bool:
    return link.startswith("#") or re.match(r"[a-z]+:", link) is not None


def _address(file: Path, *, as_markdown: bool) -> str:
    for page in pages().values():
        if page.file == file:
            return page.markdown_url if as_markdown else page.url
    if file.parent == _docs() / "images":
        return f"{ROOT}/images/{file.name}"
    return f"{ROOT}/files/{file.relative_to(settings.BASE_DIR).as_posix()}"


def _docs() -> Path:
    return Path(settings.BASE_DIR) / "docs"


@cache
def pages() -> dict[str, DocsPage]:
    """Every page by its path."""
    beside = {"changelog": "CHANGELOG.md", "vulnerabilities": "SECURITY.md"}
    files = {path: Path(settings.BASE_DIR) / name for path, name in beside.items()}
    for file in sorted(_docs().rglob("*.md")):
        path = file.relative_to(_docs()).with_suffix("").as_posix()
        files[INDEX if path == "README" else path] = file
    return {path: DocsPage(path, file) for path, file in files.items()}


@cache
def linked_files() -> dict[str, Path]:
    """The other files that pages link to, such as examples, by their paths in the repository."""
    root = Path(settings.BASE_DIR)
    own = {page.file for page in pages().values()}
    return {
        file.relative_to(root).as_posix(): file
        for page in pages().values()
        for file in page.linked_files()
        if file not in own and file.is_file()
    }


@cache
def images() -> dict[str, Path]:
    return {file.name: file for file in (_docs() / "images").iterdir()}


@dataclass(frozen=True)
class DocsEntry:
    page: DocsPage
    label: str
    description: str
    section: str
    audience: str
    """Whom the page is for, such as `operators`. Empty for everyone."""

    @property
    def is_for_operators(self) -> bool:
        return self.audience.startswith("operators")


@cache
def entries() -> dict[str, DocsEntry]:
    """What the index says about each page, in its order, by path."""
    index = pages()[INDEX]
    found: dict[str, DocsEntry] = {}
    section = audience = ""
    # An entry that goes over two lines is one line here.
    for line in re.sub(r"\n +", " ", index.text).splitlines():
        if line.startswith("## "):
            section, audience = line.removeprefix("## "), ""
        elif group := re.search(r"\bFor ([^.:]+):$", line):
            audience = group[1]
        elif entry := re.match(r"- \[([^\]]+)\]\(([^)]+)\.md\)(?:: (.+))?$", line):
            label, path, description = entry.groups()
            found[path] = DocsEntry(pages()[path], label, description or "", section, audience)
    return found


def sections() -> dict[str, list[DocsEntry]]:
    """The entries below each heading of the index."""
    by_section: dict[str, list[DocsEntry]] = {}
    for entry in entries().values():
        by_section.setdefault(entry.section, []).append(entry)
    return by_section


def neighbors(path: str) -> tuple[DocsEntry | None, DocsEntry | None]:
    """The entries before and after a page in the index."""
    listed = list(entries().values())
    at = next((at for at, entry in enumerate(listed) if entry.page.path == path), None)
    if at is None:
        return None, None
    return (listed[at - 1] if at else None), (listed[at + 1] if at + 1 < len(listed) else None)
