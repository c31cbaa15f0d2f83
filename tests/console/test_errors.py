"""Error pages and JSON errors."""

from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from console import errors
from tests import api, cast
from tests.conftest import Rebels, SignIn


def test_an_address_with_a_trailing_slash_redirects_to_the_page(
    rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).get("/console/my-credentials/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/console/my-credentials"


def test_an_unknown_page_gets_a_page(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).get("/console/nothing/")
    assert response.status_code == 404
    assert "text/html" in response.headers["Content-Type"]


def test_an_unknown_call_gets_json(client: Client) -> None:
    response = client.get("/sandbox/restapi/v1.0/nothing")
    assert response.status_code == 404
    assert response.json() == {
        "errorCode": "CMN-120",
        "message": "Invalid URI.",
        "errors": [{"errorCode": "CMN-120", "message": "Invalid URI."}],
    }


def page_of_error(error: Exception, *, method: str = "GET", theme: str = "") -> HttpResponse:
    request = RequestFactory().generic(method, "/console/")
    request.request_id = "4f1c"  # type: ignore[attr-defined]
    if theme:
        request.COOKIES["theme"] = theme
    try:
        raise error
    except Exception:
        return errors.server_error(request)


BROKEN, AWAY = ValueError("broken"), OperationalError("server closed the connection")


@pytest.mark.parametrize(("error", "status"), [(BROKEN, 500), (AWAY, 503)])
def test_the_error_page_needs_no_database_and_says_what_to_do(
    error: Exception, status: int
) -> None:
    """pytest-django refuses the database to this test."""
    response = page_of_error(error, theme="dark")
    page = response.content.decode()
    assert response.status_code == status
    assert "didn’t save any changes" in page
    assert '<code>4f1c</code><button type="button"' in page
    assert 'data-theme="dark"' in page
    assert '<a class="button button--primary" href="">Try again</a>' in page


def test_an_error_page_never_links_to_a_posted_form() -> None:
    assert "Try again</a>" not in page_of_error(BROKEN, method="POST").content.decode()


def test_the_error_page_accepts_only_known_themes() -> None:
    assert "data-theme" not in page_of_error(BROKEN, theme='"><script>').content.decode()


def test_an_expired_form_gets_its_own_page(rebels: Rebels) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    response = browser.post("/console/my-credentials/create", {"label": "Late"})
    assert response.status_code == 403
    page = response.content.decode()
    assert "This form has expired" in page
    assert f"<code>{response.headers['X-Request-Id']}</code><button" in page


@pytest.mark.parametrize(
    ("path", "status"), [("/console/nothing", 404), ("/console/organization", 403)]
)
def test_a_403_page_shows_the_request_id(
    path: str, status: int, rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).get(path)
    assert response.status_code == status
    page = response.content.decode()
    assert f"<code>{response.headers['X-Request-Id']}</code><button" in page


def refused_to_leia(rebels: Rebels, body: bytes) -> Any:
    token = api.access_token(api.app(rebels.leia), cast.credential(rebels.leia))
    return api.call("PUT", "/account/~/business-address", token, body)


def failing(rebels: Rebels, monkeypatch: pytest.MonkeyPatch) -> Any:
    def broken(request: object, *_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("console.api.calls.authenticate", broken)
    program = Client(raise_request_exception=False)
    return program.get("/sandbox/restapi/v1.0/account/~")


def test_every_error_of_the_rest_api_links_to_its_code(
    rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of error is made in another place."""
    answers = {
        "CMN-120": api.call("GET", "/nothing"),
        "OAU-123": api.call("GET", "/account/~"),
        "OAU-149": api.call("GET", "/account/~", "x.y.z"),
        "CMN-101 405": api.call("DELETE", "/account/~"),
        "CMN-101 400": refused_to_leia(rebels, b'{"email": "nonsense"}'),
        "CMN-101 400 host": api.program().get("/restapi/v1.0", headers={"Host": "evil.example"}),
        "CMN-101 400 size": refused_to_leia(rebels, b'{"company": "' + b"a" * 3_000_000 + b'"}'),
        "CMN-103": refused_to_leia(rebels, b"{"),
        "CMN-500": failing(rebels, monkeypatch),
    }
    for name, answer in answers.items():
        code = name.split()[0]
        assert answer.json()["errorCode"] == code
        assert answer["Link"] == f'<http://localhost:8000/docs/errors#{code}>; rel="help"', name


def test_the_address_of_a_form_explains_itself_to_people_who_reload_it(
    rebels: Rebels, sign_in: SignIn
) -> None:
    app = cast.application(rebels.luke)
    address = reverse("credentials:issue_client", args=[app.pk, "sandbox"])
    response = sign_in(rebels.luke).get(address)
    page = response.content.decode()
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "You can’t reload this page" in page
    assert f'href="{reverse("credentials:application", args=[app.pk])}"' in page
