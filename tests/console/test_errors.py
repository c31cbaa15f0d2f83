"""Pages and bodies for what can't be answered."""

from django.test import Client

from tests.conftest import Rebels, SignIn


def test_a_slash_too_many_leads_to_the_page(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).get("/console/my-credentials/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/console/my-credentials"


def test_an_unknown_page_is_a_page(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).get("/console/nothing/")
    assert response.status_code == 404
    assert "text/html" in response.headers["Content-Type"]


def test_an_unknown_call_is_json(client: Client) -> None:
    response = client.get("/sandbox/restapi/v1.0/nothing")
    assert response.status_code == 404
    assert response.json() == {
        "errorCode": "CMN-120",
        "message": "Invalid URI.",
        "errors": [{"errorCode": "CMN-120", "message": "Invalid URI."}],
    }
