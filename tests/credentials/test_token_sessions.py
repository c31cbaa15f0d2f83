"""Token sessions: how long they last, who sees them, and how people end them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from credentials.models import JwtCredential, RefreshToken
from tests import api, cast
from tests.conftest import Rebels

pytestmark = pytest.mark.both_databases


@pytest.fixture
def app(rebels: Rebels) -> api.App:
    return api.app(rebels.luke, issues_refresh_tokens=True)


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    return cast.credential(rebels.luke)


def started(app: api.App, credential: JwtCredential, **extra: Any) -> dict[str, Any]:
    """The tokens of a new session."""
    grant = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    response = api.post(grant, app.authorization, **extra)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def refreshed(app: api.App, tokens: dict[str, Any], **extra: Any) -> Any:
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return api.post(grant, app.authorization, **extra)


def introspected(app: api.App, token: str) -> Any:
    path = f"/{api.SANDBOX}/restapi/oauth/introspect"
    authorization = {"Authorization": app.authorization}
    return (
        api.program()
        .post(path, f"token={token}", content_type=api.FORM, headers=authorization)
        .json()
    )


def test_no_token_outlives_its_session(app: api.App, credential: JwtCredential) -> None:
    """The session ends thirty days after its exchange, however often the app refreshes it."""
    tokens = started(app, credential)
    assert tokens["refresh_token_expires_in"] == 604_800
    end = timezone.now() + timedelta(minutes=5)
    RefreshToken.objects.update(session_started_at=end - timedelta(days=30))
    for _ in range(2):
        tokens = refreshed(app, tokens).json()
        assert 290 <= tokens["expires_in"] <= 300
        assert 290 <= tokens["refresh_token_expires_in"] <= 300
        for kind in ("access_token", "refresh_token"):
            assert introspected(app, tokens[kind])["exp"] == int(end.timestamp())
    RefreshToken.objects.update(session_started_at=timezone.now() - timedelta(days=30))
    assert introspected(app, tokens["refresh_token"]) == {"active": False}
    refused = refreshed(app, tokens)
    assert refused.status_code == 400
    assert refused.json() == api.oauth_error(
        "invalid_grant",
        "JWT-108",
        "The refresh token is unknown, expired, used, or revoked. Exchange the JWT credential "
        "again.",
    )


def test_a_session_knows_when_and_from_where_it_was_last_used(
    app: api.App, credential: JwtCredential
) -> None:
    tokens = started(app, credential, REMOTE_ADDR="192.0.2.10")
    first = RefreshToken.objects.get()
    refreshed(app, tokens, REMOTE_ADDR="::ffff:192.0.2.11")
    last = RefreshToken.objects.get(used_at=None)
    assert (first.address, last.address) == ("192.0.2.10", "192.0.2.11")
    assert first.session == last.session
    assert first.session_started_at == first.issued_at < last.issued_at
