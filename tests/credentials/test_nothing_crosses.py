"""Sends each token to every endpoint that it is not for.

No client but its own does anything with a token, no kind of token passes for another kind, and
nothing of one environment is good for anything in the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.environments import Environment
from credentials.actions.clients import mark_resource_server
from credentials.models import EndedSession, JwtCredential
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX, App
from tests.conftest import Partners, Rebels

KINDS = ("jwt", "access_token", "refresh_token")
INACTIVE = {"active": False}


@dataclass(frozen=True)
class Session:
    """An app, the credential that it exchanged, and what it got."""

    app: App
    credential: JwtCredential
    environment: Environment
    access_token: str
    refresh_token: str

    @property
    def jwt(self) -> str:
        return self.credential.encode()

    @property
    def is_active(self) -> bool:
        """Whether the session and the credential are as good as at first."""
        called = bearer(self.access_token, self.environment)
        introspected = send(self.app, "introspect", self.refresh_token, self.environment).json()
        exchanged = api.exchange(self.app, self.jwt, environment=self.environment)
        ended = EndedSession.objects.exists()
        return (
            called == (200, 204)
            and introspected["active"]
            and exchanged.status_code == 200
            and not ended
        )


def session(app: App, credential: JwtCredential, environment: Environment = SANDBOX) -> Session:
    body = api.exchange(app, credential.encode(), environment=environment).json()
    return Session(app, credential, environment, body["access_token"], body["refresh_token"])


def send(app: App, endpoint: str, token: str, environment: Environment = SANDBOX) -> Any:
    return api.program().post(
        f"/{environment}/restapi/oauth/{endpoint}",
        f"token={token}",
        content_type=api.FORM,
        headers={"Authorization": app.authorization},
    )


def refreshed(app: App, token: str, environment: Environment = SANDBOX) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return code(api.post(form, app.authorization, environment=environment))


def exchanged(app: App, assertion: str, environment: Environment = SANDBOX) -> str:
    return code(api.exchange(app, assertion, environment=environment))


def code(answer: Any) -> str:
    return str(answer.json()["errors"][0]["errorCode"])


def bearer(token: str, environment: Environment = SANDBOX) -> tuple[int, int]:
    """What the REST API and `verify` answer to it."""
    verified = api.program().get(
        f"/{environment}/restapi/oauth/verify", headers={"Authorization": f"Bearer {token}"}
    )
    called = api.call("GET", "/account/~", token, environment=environment)
    return called.status_code, verified.status_code


@pytest.fixture
def mine(rebels: Rebels) -> Session:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    return session(app, cast.credential(rebels.luke))


@pytest.fixture
def there(rebels: Rebels, mine: Session) -> Session:
    """The same person's session with the same app in the other environment."""
    app = App(mine.app.application, *cast.client(mine.app.application, PRODUCTION))
    return session(app, cast.credential(rebels.luke, environment=PRODUCTION), PRODUCTION)


# --- Another client -------------------------------------------------------------------------------


def of_the_same_owner(rebels: Rebels, partners: Partners) -> App:
    return api.app(rebels.luke, name="Another", issues_refresh_tokens=True)


def of_a_partner(rebels: Rebels, partners: Partners) -> App:
    return api.app(partners.lobot, is_public=True, issues_refresh_tokens=True)


@pytest.mark.parametrize("other", [of_the_same_owner, of_a_partner])
@pytest.mark.parametrize("kind", KINDS)
def test_another_client_does_nothing_with_a_token(
    rebels: Rebels,
    partners: Partners,
    mine: Session,
    other: Callable[[Rebels, Partners], App],
    kind: str,
) -> None:
    stranger, token = other(rebels, partners), getattr(mine, kind)
    assert send(stranger, "introspect", token).json() == INACTIVE
    assert refreshed(stranger, token) == "JWT-108"
    revoked = send(stranger, "revoke", token)
    assert (revoked.status_code, revoked.content) == (200, b"")
    assert mine.is_active


# --- Another kind ---------------------------------------------------------------------------------


def test_a_credential_is_no_token(mine: Session) -> None:
    assert bearer(mine.jwt) == (401, 401)
    assert send(mine.app, "introspect", mine.jwt).json() == INACTIVE
    assert refreshed(mine.app, mine.jwt) == "JWT-108"
    assert send(mine.app, "revoke", mine.jwt).status_code == 200
    assert mine.is_active


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_is_no_credential(mine: Session, kind: str) -> None:
    token = getattr(mine, kind)
    assert exchanged(mine.app, token) == "JWT-101"
    reported = api.program().post(
        "/sandbox/restapi/oauth/revoke-leaked", f"token={token}", content_type=api.FORM
    )
    assert reported.status_code == 202
    assert mine.is_active


def test_no_kind_of_token_is_accepted_as_another(mine: Session) -> None:
    assert bearer(mine.refresh_token) == (401, 401)
    assert refreshed(mine.app, mine.access_token) == "JWT-108"
    assert mine.is_active


# --- The other environment ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_clients_and_tokens_fail_in_the_other_environment(
    mine: Session, there: Session, kind: str
) -> None:
    """Not even with the client that the same app has there."""
    for here, away in ((mine, there), (there, mine)):
        token, where = getattr(here, kind), away.environment
        assert bearer(token, where) == (401, 401)
        assert exchanged(away.app, token, where) == ("JWT-104" if kind == "jwt" else "JWT-101")
        assert refreshed(away.app, token, where) == "JWT-108"
        assert send(away.app, "introspect", token, where).json() == INACTIVE
        assert send(away.app, "revoke", token, where).status_code == 200
        reported = api.program().post(
            f"/{where}/restapi/oauth/revoke-leaked", f"token={token}", content_type=api.FORM
        )
        assert reported.status_code == 202
        assert here.is_active


def test_a_client_is_unknown_in_the_other_environment(mine: Session, there: Session) -> None:
    for here, away in ((mine, there), (there, mine)):
        where = away.environment
        assert exchanged(here.app, away.jwt, where) == "OAU-146"
        assert refreshed(here.app, away.refresh_token, where) == "OAU-146"
        for endpoint in ("introspect", "revoke"):
            assert code(send(here.app, endpoint, away.access_token, where)) == "OAU-146"
        mixed = App(here.app.application, away.app.client, here.app.secret)
        assert exchanged(mixed, away.jwt, where) == "OAU-146"
        assert away.is_active


def test_a_resource_server_is_one_of_its_environment(mine: Session, there: Session) -> None:
    mark_resource_server(there.app.client, marked=True, origin=cast.ORIGIN)
    assert send(there.app, "introspect", there.access_token, PRODUCTION).json()["active"] is True
    assert send(there.app, "introspect", mine.access_token, PRODUCTION).json() == INACTIVE
    assert code(send(there.app, "introspect", mine.access_token)) == "OAU-146"
