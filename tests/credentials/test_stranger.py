"""What a stranger tried, and what must not work again."""

import re
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests import api
from tests.conftest import Rebels, SignIn

CREATE = reverse("my_credentials:create")


def form(**values: str) -> dict[str, str]:
    return {
        "label": "Key",
        "environment": "sandbox",
        "app_access": "organization",
        "submission_key": str(uuid4()),
        **values,
    }


def test_another_session_does_not_see_the_jwt_by_sending_the_form_again(
    rebels: Rebels, sign_in: SignIn
) -> None:
    sent = form()
    first, second = sign_in(rebels.luke), sign_in(rebels.luke)
    created = first.post(CREATE, sent).headers["Location"]
    assert first.get(created).status_code == 200
    assert second.post(CREATE, sent).headers["Location"] == created
    assert second.get(created).status_code == 302
    assert first.post(CREATE, sent).headers["Location"] == created
    assert first.get(created).status_code == 200


@pytest.mark.parametrize("date", ["10/12/2027", "10/12/27", "12.10.2027", "Oct 12 2027"])
def test_a_date_has_one_spelling(rebels: Rebels, sign_in: SignIn, date: str) -> None:
    page = sign_in(rebels.luke).post(CREATE, form(expires_on=date)).content.decode()
    assert "Enter a date like 2027-03-31." in page
    assert date in page


def test_the_link_of_a_reset_email_ignores_the_host_header(rebels: Rebels) -> None:
    Client().post(
        reverse("account_reset_password"),
        {"email": "luke@rebels.example"},
        headers={"Host": "localhost:9999"},
    )
    body = str(mail.outbox[-1].body)
    assert "9999" not in body
    assert re.search(r"http://localhost:8000/account/password/reset/key/\S+", body)


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/restapi/oauth/verify",
        "/sandbox/restapi/oauth/jwks",
        "/sandbox/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/sandbox",
    ],
)
def test_another_method_is_refused_as_everywhere(db: None, path: str) -> None:
    """And no matter of CSRF."""
    response = api.program().post(path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert response["Cache-Control"] == "no-store"
    assert response.json() == api.oauth_error(
        "invalid_request", "CMN-101", "This endpoint only accepts GET. Send the request with GET."
    )
