"""Fixtures for every RFC: an app, a credential of Luke, and its tokens."""

from collections.abc import Callable
from typing import Any

import pytest

from credentials.models import JwtCredential
from tests import api
from tests.conftest import Rebels

Send = Callable[..., Any]


@pytest.fixture
def other_app(rebels: Rebels) -> api.App:
    return api.app(rebels.luke, name="Other app", issues_refresh_tokens=True)


@pytest.fixture
def tokens(app: api.App, credential: JwtCredential) -> dict[str, Any]:
    """The body of a successful exchange."""
    body: dict[str, Any] = api.exchange(app, credential.encode()).json()
    return body


@pytest.fixture
def oauth() -> Send:
    """Posts a form to an endpoint of the Auth API, authenticated as an app."""

    def send(app: api.App | None, endpoint: str, **data: str) -> Any:
        headers = {"Authorization": app.authorization} if app else {}
        return api.program().post(
            f"/sandbox/restapi/oauth/{endpoint}",
            "&".join(f"{name}={value}" for name, value in data.items()),
            content_type=api.FORM,
            headers=headers,
        )

    return send


@pytest.fixture
def refresh(oauth: Send) -> Send:
    def send(app: api.App | None, refresh_token: str, **data: str) -> Any:
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return oauth(app, "token", **grant, **data)

    return send
