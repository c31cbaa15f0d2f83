"""Requests are read as UTF-8 and as nothing else, and have fields but no files."""

from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.test import RequestFactory

from tests import api, cast
from tests.conftest import Rebels

MULTIPART = "multipart/form-data; boundary=limit"
DISPOSITION = b'--limit\r\nContent-Disposition: form-data; name="token"'
FIELD = DISPOSITION + b"\r\n\r\n"
FILE = DISPOSITION + b'; filename="a"\r\n\r\n'
END = b"\r\n--limit--\r\n"

API = "/sandbox/restapi/oauth/revoke-leaked"
# Open to everyone. Every report of a leak gets the same status.
PATHS = {API: 202, "/report-leaked": 202, "/account/login/": 400}
# `punycode` and `idna` take time that grows with the square of the text, `rot13`, `hex` and `zlib`
# don't decode text, `undefined` always fails, and `utf-7` hides what filters look for.
CHARSETS = ["punycode", "idna", "rot13", "hex", "zlib", "undefined", "utf-7", "latin-1", "x", '""']


class Unread(BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("It is read.")


def send(path: str, body: bytes = b"", content_type: str = MULTIPART, /, **environ: Any) -> Any:
    response = Browser().generic("POST", path, body, content_type, **environ)
    assert "X-Request-Id" in response
    return response


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1, 10**12])
def test_a_body_that_is_too_large_is_not_read(path: str, length: int) -> None:
    environ: dict[str, Any] = {
        "wsgi.input": Unread(), "CONTENT_LENGTH": str(length), "CONTENT_TYPE": MULTIPART
    }  # fmt: skip
    assert send(path, **environ).status_code == PATHS[path]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_even_a_small_file_is_refused(path: str) -> None:
    assert send(path, FILE + b"x" + END).status_code == PATHS[path]


def test_a_multipart_form_without_files_is_accepted(rebels: Rebels) -> None:
    """`curl -F token=…` sends such a form to report a leak."""
    credential = cast.credential(rebels.luke)
    assert send(API, FILE + credential.encode().encode() + END).status_code == 202
    credential.refresh_from_db()
    assert not credential.is_revoked
    assert send(API, FIELD + credential.encode().encode() + END).status_code == 202
    credential.refresh_from_db()
    assert credential.is_revoked


@pytest.mark.parametrize("charset", CHARSETS)
def test_another_charset_is_refused_before_anything_is_decoded(
    rebels: Rebels, charset: str
) -> None:
    credential = cast.credential(rebels.luke)
    jwt = credential.encode().encode()
    named = f"; charset={charset}"
    part = f"\r\nContent-Type: text/plain{named}\r\n\r\n".encode()
    requests = [
        (FIELD + jwt + END, MULTIPART + named),
        (DISPOSITION + part + jwt + END, MULTIPART),
        (b"token=" + jwt, api.FORM + named),
    ]
    for body, content_type in requests:
        assert send(API, body, content_type).status_code == 202
        assert send("/report-leaked", body, content_type).status_code == 202
        page = send("/account/login/", body, content_type)
        assert page.status_code == 415
        assert "The body is not UTF-8. Send it in UTF-8." in page.content.decode()
    credential.refresh_from_db()
    assert not credential.is_revoked


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", '"utf-8"'])
def test_the_names_of_utf_8_and_its_first_half_are_accepted(rebels: Rebels, charset: str) -> None:
    credential = cast.credential(rebels.luke)
    body = b"token=" + credential.encode().encode()
    assert send(API, body, f"{api.FORM}; charset={charset}").status_code == 202
    credential.refresh_from_db()
    assert credential.is_revoked


@pytest.mark.parametrize("parameter", ["a*=nope''%41", "a*=hex''%41", "charset*=punycode''%41"])
def test_parameters_that_name_a_charset_for_themselves_are_not_decoded(
    rebels: Rebels, parameter: str
) -> None:
    """RFC 8187 lets each parameter of a header choose one."""
    jwt = cast.credential(rebels.luke).encode().encode()
    part = f"; {parameter}\r\nContent-Type: text/plain; {parameter}\r\n\r\n".encode()
    assert send(API, FIELD + jwt + END, f"{MULTIPART}; {parameter}").status_code == 202
    assert send(API, DISPOSITION + part + jwt + END).status_code == 202
    assert Browser().get("/report-leaked?a=1", CONTENT_TYPE=f"x; {parameter}").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"x",
        FIELD + b"x",
        FIELD + b"x" + END.strip(),
        b"--limit\r\n\r\nx" + END,
        b"--limit" + END,
        b"--limit\r\nContent-Disposition: form-data\r\n\r\nx" + END,
        DISPOSITION + b"\r\nX: " + b"x" * 1024 + b"\r\n\r\nx" + END,
        (FIELD + b"x\r\n") * 1001 + b"--limit--",
    ],
)
def test_a_malformed_form_is_refused(body: bytes) -> None:
    assert send("/account/login/", body).status_code == 400


def test_bytes_that_are_not_utf_8_are_replaced(rf: RequestFactory) -> None:
    """A report of a leak can hold such bytes beside the JWT."""
    form = rf.generic("POST", "/", FIELD + b"a\xff" + END, MULTIPART, QUERY_STRING="q=\xff")
    assert (form.POST["token"], form.GET["q"]) == ("a\ufffd", "\ufffd")
    assert rf.generic("POST", "/", b"token=a\xff", api.FORM).POST["token"] == "a\ufffd"
    assert rf.generic("PUT", "/", b"token=a", api.FORM).POST == {}
