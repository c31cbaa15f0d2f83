"""RFC 7521, Assertion Framework."""

from datetime import timedelta

import pytest
from django.utils import timezone

from credentials.models import JwtCredential
from tests import api
from tests.api import GRANT_TYPE


@pytest.mark.parametrize("missing", ["grant_type", "assertion"])
def test_section_4_1_required_parameters(
    app: api.App, credential: JwtCredential, missing: str
) -> None:
    body = {"grant_type": GRANT_TYPE, "assertion": credential.encode()}
    del body[missing]
    response = api.post(body, app.authorization)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_section_4_1_the_client_authenticates(credential: JwtCredential) -> None:
    """Optional in the RFC. We require it, so that a stolen JWT is not enough."""
    body = {"grant_type": GRANT_TYPE, "assertion": credential.encode()}
    assert api.post(body).json()["error"] == "invalid_client"


def test_section_4_1_1_an_invalid_assertion_is_an_invalid_grant(app: api.App) -> None:
    response = api.exchange(app, "not.an.assertion")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert response.json()["error_description"]


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp"])
def test_section_5_2_an_assertion_without_a_required_claim_is_refused(
    app: api.App, credential: JwtCredential, claim: str
) -> None:
    claims = {name: value for name, value in credential.claims.items() if name != claim}
    assert api.exchange(app, api.signed(claims)).json()["error"] == "invalid_grant"


def test_section_5_2_an_expired_assertion_is_refused(
    app: api.App, credential: JwtCredential
) -> None:
    credential.expires_at = timezone.now() - timedelta(seconds=1)
    credential.save()
    assert api.exchange(app, credential.encode()).json()["errors"][0]["errorCode"] == "JWT-103"


def test_section_5_2_an_assertion_for_another_audience_is_refused(
    app: api.App, credential: JwtCredential
) -> None:
    claims = credential.claims | {"aud": "http://localhost:8000/production/restapi/oauth/token"}
    assert api.exchange(app, api.signed(claims)).json()["error"] == "invalid_grant"


def test_section_8_2_an_assertion_can_be_presented_again(
    app: api.App, credential: JwtCredential
) -> None:
    """Refusing a second use is optional. A credential is a key, so it can be used again."""
    for _ in range(2):
        assert api.exchange(app, credential.encode()).status_code == 200
