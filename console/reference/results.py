"""An API's answer as a page shows it: as text, and never as HTML."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.media_types import header_parameters, is_utf_8
from core.outgoing import HttpAnswer

# Those that developers look for, in this order.
_SHOWN_HEADERS = (
    "Content-Type", "Location", "WWW-Authenticate", "Retry-After",
    "X-Rate-Limit-Group", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window",
    "ETag", "Last-Modified", "Link", "Deprecation", "Sunset",
)  # fmt: skip
_LONGEST_HEADER = 2_000
_LATIN_1 = ("iso-8859-1", "latin-1", "latin1")
# What *Why did my call fail?* can explain.
_REFUSED = (401, 403, 429)
# Much indentation can make a text a thousand times as long.
_LONGEST_INDENTED = 3_000_000
_JSON_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True)
class ShownAnswer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    text: str
    """The body; empty if there is none, or if it isn't text."""
    size: int
    """Bytes of the body, or of what we read of it."""
    is_cut: bool
    milliseconds: int
    request_id: str

    @classmethod
    def of(cls, answer: HttpAnswer) -> "ShownAnswer":
        headers = [
            (shown, value[:_LONGEST_HEADER])
            for shown in _SHOWN_HEADERS
            for name, value in answer.headers
            if name.lower() == shown.lower()
        ]
        return cls(
            status=answer.status,
            reason=answer.reason[:100],
            headers=headers,
            text=_text(answer),
            size=len(answer.body),
            is_cut=answer.is_cut,
            milliseconds=round(answer.seconds * 1000),
            request_id=answer.header("X-Request-Id")[:100],
        )

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400 and self.status != 304

    @property
    def is_refused(self) -> bool:
        return self.status in _REFUSED


def _text(answer: HttpAnswer) -> str:
    try:
        text = answer.body.decode(_charset(answer), errors="replace" if answer.is_cut else "strict")
    except (UnicodeError, LookupError):
        return ""
    if "\x00" in text:
        return ""
    return _indented(text)


def _charset(answer: HttpAnswer) -> str:
    # Other names are of codecs that we don't run on what someone else sends.
    _type, parameters = header_parameters(answer.header("Content-Type"))
    if is_utf_8(parameters):
        return "utf-8"
    return "iso-8859-1" if parameters["charset"].lower() in _LATIN_1 else "none"


def _indented(text: str) -> str:
    """JSON with line breaks, and otherwise exactly as it was sent; other text as it is.

    Writing the parsed values again would change numbers like 1.10 and leave out repeated names.
    """
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(parsed, dict | list):
        return text
    shown, size = [], 0
    for piece in _pieces(_JSON_PARTS.findall(text)):
        shown.append(piece)
        size += len(piece)
        if size > _LONGEST_INDENTED:
            return text
    return "".join(shown)


def _pieces(parts: list[str]) -> Iterator[str]:
    """The parts of a JSON text with the white space between them."""
    depth, previous = 0, ""
    for part in parts:
        closes, follows_opening = part in ("]", "}"), previous in ("[", "{")
        depth -= closes
        # Empty brackets stay together.
        if previous == "," or closes != follows_opening:
            yield "\n" + "  " * depth
        yield ": " if part == ":" else part
        depth += part in ("[", "{")
        previous = part
