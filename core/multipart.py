"""Multipart forms (RFC 7578) of fields only, because the console accepts no files.

Django's parser decodes each part in the charset that it names, and stores files of any size in the
temporary directory before the request has to be signed in.
"""

import re

from django.conf import settings
from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.http import QueryDict

from core.media_types import UnsupportedMedia, header_parameters, require_utf_8

# RFC 2046 §5.1.1.
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")
# A field has one or two short headers.
_LONGEST_HEAD = 1024
_AS_IT_IS = frozenset({"7bit", "8bit", "binary"})


def fields_of(body: bytes, boundary: str) -> QueryDict:
    """The fields of a form. Raises `BadRequest` for a malformed form, and for one with a file."""
    fields = QueryDict(mutable=True)
    for part in _parts(body, boundary) if body else []:
        name, value = _field(part)
        fields.appendlist(name, value)
    fields._mutable = False
    return fields


def _parts(body: bytes, boundary: str) -> list[bytes]:
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The multipart form has no valid boundary.")
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS or 0
    delimiter = b"\r\n--" + boundary.encode()
    # The text before the first part and the end of the form count as well.
    pieces = (b"\r\n" + body).split(delimiter, most + 2)
    if len(pieces) > most + 2:
        raise TooManyFieldsSent("The form has too many fields.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadRequest("The multipart form doesn't end with its boundary.")
    return pieces[1:-1]


def _field(part: bytes) -> tuple[str, str]:
    head, end_of_head, value = part.partition(b"\r\n\r\n")
    if not end_of_head or len(head) > _LONGEST_HEAD:
        raise BadRequest("The headers of a part of the form don't end.")
    headers = _headers(head.decode(errors="replace"))
    disposition, parameters = headers.get("content-disposition", ("", {}))
    if disposition != "form-data" or "name" not in parameters:
        raise BadRequest("A part of the form has no name.")
    if not parameters.keys().isdisjoint(("filename", "filename*")):
        raise BadRequest("The console doesn't accept files.")
    require_utf_8(headers.get("content-type", ("", {}))[1])
    if headers.get("content-transfer-encoding", ("binary", {}))[0] not in _AS_IT_IS:
        raise UnsupportedMedia("A part of the form is encoded. Send it as it is.")
    return parameters["name"], value.decode(errors="replace")


def _headers(head: str) -> dict[str, tuple[str, dict[str, str]]]:
    lines = [line.partition(":") for line in head.split("\r\n")]
    return {name.strip().lower(): header_parameters(content) for name, _colon, content in lines}
