"""A request, decoded as UTF-8 and as nothing else.

Django decodes forms and query strings in the codec that the content type names. Some of Python's
codecs take time that grows with the square of the text, and others don't decode text at all, so
strangers could stop the server with a few requests.
"""

from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property

from core import multipart
from core.media_types import header_parameters, require_readable

FORM = "application/x-www-form-urlencoded"


class Utf8Request(WSGIRequest):
    """`encoding` stays None, which means UTF-8, and `FILES` stays empty."""

    def _set_content_type_params(self, meta: dict[str, str]) -> None:
        self.content_type, self.content_params = header_parameters(meta.get("CONTENT_TYPE", ""))

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override] # noqa: N802 - as the base names it
        query = self.environ.get("QUERY_STRING", "").encode("iso-8859-1")
        return QueryDict(query.decode(errors="replace"))

    def _load_post_and_files(self) -> None:
        # Set first, so that the page of an error doesn't read the same body again.
        self._post: Any = QueryDict()
        self._files: Any = MultiValueDict()
        if self.method == "POST":
            self._post = self._form()

    def _form(self) -> QueryDict:
        """Raises `BadRequest` or `RequestDataTooBig`. Bodies of other types have no fields."""
        is_multipart = self.content_type == "multipart/form-data"
        if not is_multipart and self.content_type != FORM:
            return QueryDict()
        require_readable(self)
        if is_multipart:
            return multipart.fields_of(self.body, (self.content_params or {}).get("boundary", ""))
        return QueryDict(self.body.decode(errors="replace"))
