"""An API's response as a page shows it: as text, never as HTML."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.media_types import header_parameters, is_utf_8
from core.outgoing import CallResponse

# The headers that developers look for, in this order.
_SHOWN_HEADERS = (
    "Content-Type", "Location", "WWW-Authenticate", "Retry-After",
    "X-Rate-Limit-Group", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window",
    "ETag", "Last-Modified", "Link", "Deprecation", "Sunset",
)  # fmt: skip
_LONGEST_HEADER = 2_000
_LATIN_1 = ("iso-8859-1", "latin-1", "latin1")
# What *Why did my call fail?* can explain.
_REFUSED = (401, 403, 429)
# Indentation can make a deeply nested text a thousand times as long.
_LONGEST_INDENTED = 3_000_000
_JSON_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True)
class ShownResponse:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    text: str
    """The body, or empty if it isn't text."""
    size: int
    """Bytes of the body, or of the part that we read."""
    is_truncated: bool
    milliseconds: int
    request_id: str

    @classmethod
    def of(cls, response: CallResponse) -> "ShownResponse":
        headers = [
            (shown, value[:_LONGEST_HEADER])
            for shown in _SHOWN_HEADERS
            for name, value in response.headers
            if name.lower() == shown.lower()
        ]
        return cls(
            status=response.status,
            reason=response.reason[:100],
            headers=headers,
            text=_text(response),
            size=len(response.body),
            is_truncated=response.is_truncated,
            milliseconds=round(response.seconds * 1000),
            request_id=response.header("X-Request-Id")[:100],
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


def _text(response: CallResponse) -> str:
    try:
        text = response.body.decode(
            _charset(response), errors="replace" if response.is_truncated else "strict"
        )
    except (UnicodeError, LookupError):
        return ""
    if "\x00" in text:
        return ""
    return _indented(text)


def _charset(response: CallResponse) -> str:
    # Other names are of codecs that we don't run on what someone else sends.
    _type, parameters = header_parameters(response.header("Content-Type"))
    if is_utf_8(parameters):
        return "utf-8"
    return "iso-8859-1" if parameters["charset"].lower() in _LATIN_1 else "none"


def _indented(text: str) -> str:
    """JSON with line breaks but otherwise exactly as it was sent; other text unchanged.

    Serializing the parsed values would change numbers like 1.10 and drop repeated names.
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
