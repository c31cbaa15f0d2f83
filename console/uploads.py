"""The console accepts no files, and refuses a request with one before it reads the file.

Django limits the fields of a form, but stores files of any size in its temporary directory while it
reads a form. It does that to find the CSRF token, before the request has to be signed in.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class NoUploads(FileUploadHandler):
    """Reads multipart forms (RFC 7578) that are small and have only fields."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 - as the base names it
        content_length: int,
        *parts: Any,
    ) -> None:
        """Raises `RequestDataTooBig`, as Django does for other kinds of forms."""
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The form is too large.")

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise BadRequest("The console doesn't accept files.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None
