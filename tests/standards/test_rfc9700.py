"""RFC 9700, Best Current Practice for OAuth 2.0 Security."""

from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from django.utils import timezone

from credentials.models import JwtCredential, RefreshToken
from tests import api
from tests.standards.conftest import Send


@pytest.mark.parametrize("grant_type", ["password", "implicit", "client_credentials"])
def test_section_2_4_no_password_grant(app: api.App, grant_type: str) -> None:
    """§2.1.2 and §2.4: no passwords, and no tokens from an authorization endpoint."""
    body = {"grant_type": grant_type, "username": "luke@rebels.example", "password": "x"}
    assert api.post(body, app.authorization).json()["error"] == "unsupported_grant_type"


def test_section_2_2_2_refresh_tokens_rotate(
    app: api.App, tokens: dict[str, Any], refresh: Send
) -> None:
    first = refresh(app, tokens["refresh_token"]).json()
    second = refresh(app, first["refresh_token"]).json()
    assert len({body["refresh_token"] for body in (tokens, first, second)}) == 3


def test_section_4_14_2_reuse_ends_the_session(
    app: api.App, tokens: dict[str, Any], refresh: Send
) -> None:
    """Either of the two callers can be a thief, so the session ends for both."""
    newer = refresh(app, tokens["refresh_token"]).json()
    long_ago = timezone.now() - timedelta(minutes=1)
    RefreshToken.objects.with_token(tokens["refresh_token"]).update(used_at=long_ago)
    assert refresh(app, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(app, newer["refresh_token"]).json()["error"] == "invalid_grant"
    for body in (tokens, newer):
        assert api.call("GET", "/account/~", body["access_token"]).status_code == 401


def test_section_4_14_2_refresh_tokens_expire(
    app: api.App, credential: JwtCredential, refresh: Send
) -> None:
    body = api.exchange(app, credential.encode(), refresh_token_ttl="60").json()
    RefreshToken.objects.update(expires_at=timezone.now())
    assert refresh(app, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_section_2_3_a_token_has_no_more_scope_than_requested(
    app: api.App, credential: JwtCredential
) -> None:
    """A token has one audience, and no more scope than was requested."""
    token = api.access_token(app, credential, scope="ReadAccounts")
    response = api.call("PUT", "/account/~/business-address", token, {})
    assert response.json()["errorCode"] == "CMN-401"


def test_section_2_5_clients_authenticate(credential: JwtCredential) -> None:
    body = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    assert api.post(body).json()["error"] == "invalid_client"


def test_section_4_3_2_no_secrets_in_query_strings(
    app: api.App, credential: JwtCredential, tokens: dict[str, Any]
) -> None:
    query = f"?assertion={credential.encode()}"
    assert api.post({}, app.authorization, query=query).json()["error"] == "invalid_request"
    path = f"/account/~?access_token={tokens['access_token']}"
    assert api.call("GET", path).json()["errorCode"] == "CMN-101"


def test_section_4_12_no_redirects_with_credentials(app: api.App) -> None:
    """§4.11 and §4.12: the Auth API never redirects, so it can't send anything elsewhere."""
    for path in ("token", "revoke", "introspect", "verify", "jwks"):
        for method in ("GET", "POST"):
            url = f"/sandbox/restapi/oauth/{path}"
            status = api.program().generic(method, url, HTTP_HOST="localhost").status_code
            assert status // 100 in (2, 4)


def test_section_2_6_metadata_is_published(app: api.App) -> None:
    """Clients can look up the addresses."""
    found = api.program().get("/.well-known/oauth-authorization-server/sandbox").json()
    assert found["token_endpoint"] == "http://localhost:8000/sandbox/restapi/oauth/token"


def test_section_4_10_2_a_token_is_for_one_audience(tokens: dict[str, Any]) -> None:
    """The audience is the REST API of one environment. The other environment refuses the token."""
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "http://localhost:8000/sandbox/restapi"
    there = api.call("GET", "/account/~", tokens["access_token"], environment=api.PRODUCTION)
    assert there.status_code == 401


def test_section_4_13_a_caller_cannot_invent_its_address(
    app: api.App, credential: JwtCredential
) -> None:
    """Only trusted proxies can set the address of a caller."""
    JwtCredential.objects.filter(pk=credential.pk).update(allowed_networks=["192.0.2.0/24"])
    grant = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    for header in ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"):
        invented: dict[str, Any] = {header: "192.0.2.1"}
        answer = api.post(grant, app.authorization, **invented)
        assert answer.json()["errors"][0]["errorCode"] == "JWT-107"
    assert api.post(grant, app.authorization, REMOTE_ADDR="192.0.2.1").status_code == 200


def test_section_4_15_a_token_is_never_issued_to_a_client_itself(
    app: api.App, tokens: dict[str, Any]
) -> None:
    """Tokens always belong to a person. No grant gives a client a token of its own."""
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["sub"] == tokens["owner_id"] != app.client_id
    answer = api.post({"grant_type": "client_credentials"}, app.authorization)
    assert answer.json()["error"] == "unsupported_grant_type"
