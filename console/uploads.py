"""The console takes no files. Whoever sends one is refused before any of it is read.

Django limits the fields of a form, but keeps files of any size in its temporary directory while a
form is read, which is before anybody is asked to sign in: for the CSRF token.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class NoUploads(FileUploadHandler):
    """Reads forms in parts (RFC 7578) as long as they are small and hold fields only."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 - as the base names it
        content_length: int,
        *parts: Any,
    ) -> None:
        """Raises `RequestDataTooBig`, for a form of this kind as for any other."""
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The form is too large.")

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise BadRequest("The console takes no files.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None
