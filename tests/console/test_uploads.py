"""The console doesn't accept files, so that no one can fill its memory or disk."""

from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser

from tests import cast
from tests.conftest import Rebels

MULTIPART = "multipart/form-data; boundary=limit"
FIELD = b'--limit\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
FILE = b'--limit\r\nContent-Disposition: form-data; name="token"; filename="a"\r\n\r\n'
END = b"\r\n--limit--\r\n"

API = "/sandbox/restapi/oauth/revoke-leaked"
# Open to everyone. Reports of leaks always get the same answer.
PATHS = {API: 202, "/report-leaked": 202, "/account/login/": 400}


class Unread(BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("It is read.")


def send(path: str, body: bytes = b"", /, **environ: Any) -> int:
    """The status of the answer."""
    return Browser().generic("POST", path, body, MULTIPART, **environ).status_code


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1, 10**12])
def test_a_body_that_is_too_large_is_not_read(path: str, length: int) -> None:
    environ: dict[str, Any] = {
        "wsgi.input": Unread(), "CONTENT_LENGTH": str(length), "CONTENT_TYPE": MULTIPART
    }  # fmt: skip
    assert send(path, **environ) == PATHS[path]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_even_a_small_file_is_refused(path: str) -> None:
    assert send(path, FILE + b"x" + END) == PATHS[path]


def test_a_multipart_form_without_files_is_accepted(rebels: Rebels) -> None:
    """`curl -F token=…` sends such a form to report a leak."""
    credential = cast.credential(rebels.luke)
    assert send(API, FILE + credential.encode().encode() + END) == 202
    credential.refresh_from_db()
    assert not credential.is_revoked
    assert send(API, FIELD + credential.encode().encode() + END) == 202
    credential.refresh_from_db()
    assert credential.is_revoked
