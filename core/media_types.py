"""The content type of a body or of one part of it (RFC 9110 §8.3), and what we don't read."""

from collections.abc import Mapping

from django.core.exceptions import BadRequest
from django.http import HttpRequest

# US-ASCII is the first half of UTF-8.
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_PLAIN = frozenset({"", "identity"})
COMPRESSED = "The body is compressed. Send it without Content-Encoding."


class UnsupportedMedia(BadRequest):
    """The body is in a charset or a coding that we don't read (RFC 9110 §15.5.16)."""

    status = 415


def header_parameters(text: str) -> tuple[str, dict[str, str]]:
    """The value of a header in lower case, and its parameters as they are, without quotes.

    Nothing is decoded, so RFC 8187's `name*=charset'language'value` is only another name. If a
    parameter is repeated, the first counts. None of those that we read contains a semicolon.
    """
    if ";" not in text:
        return text.strip().lower(), {}
    value, *rest = text.split(";")
    pairs = [part.partition("=") for part in reversed(rest)]
    return value.strip().lower(), {
        name.strip().lower(): content.strip().strip('"') for name, _equals, content in pairs
    }


def is_utf_8(parameters: Mapping[str, str] | None) -> bool:
    """Whether the parameters of a content type name no charset but UTF-8."""
    return not parameters or parameters.get("charset", "utf-8").lower() in _UTF_8


def is_plain(request: HttpRequest) -> bool:
    """Whether the body isn't compressed (RFC 9110 §8.4)."""
    coding = request.META.get("HTTP_CONTENT_ENCODING")
    return coding is None or coding.strip().lower() in _PLAIN


def require_utf_8(parameters: Mapping[str, str] | None) -> None:
    """Raises `UnsupportedMedia`."""
    if not is_utf_8(parameters):
        raise UnsupportedMedia("The body is not UTF-8. Send it in UTF-8.")


def require_readable(request: HttpRequest) -> None:
    """Raises `UnsupportedMedia` unless the body is UTF-8 as it is."""
    require_utf_8(request.content_params)
    if not is_plain(request):
        raise UnsupportedMedia(COMPRESSED)
