"""Refreshes at the same moment as each other, and as what ends their session or credential.

Either may be first. What must hold is the end: no token outlives what ended it, and an app that
did nothing wrong loses none.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import JwtCredential, RefreshToken
from credentials.models.refresh_tokens import GRACE
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels
from tests.races import at_once, shared_database

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db", "_one_database"),
]

ROUNDS = 4
OWN = "/account/~/extension/~"
Tokens = dict[str, Any]


@pytest.fixture
def _one_database(app: App, credential: JwtCredential, tmp_path: Path) -> Iterator[None]:
    # Both signing keys are made on first use.
    api.access_token(app, credential)
    with shared_database(tmp_path):
        yield


def session(app: App, credential: JwtCredential) -> Tokens:
    body: Tokens = api.exchange(app, credential.encode()).json()
    return body


def refreshing(app: App, tokens: Tokens) -> Callable[[], Any]:
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return lambda: api.post(grant, app.authorization)


def code(answer: Any) -> str:
    """Of a refusal; empty if it was granted."""
    body = answer.json()
    return str(body["errors"][0]["errorCode"]) if "errors" in body else ""


def calls(*sessions: Tokens) -> list[str]:
    """What the REST API answers to the access token of each."""
    answers = [api.call("GET", OWN, tokens["access_token"]).json() for tokens in sessions]
    return [answer.get("errorCode", "") for answer in answers]


def test_parallel_refreshes_get_one_successor(app: App, credential: JwtCredential) -> None:
    """As of an app with several workers: none of them is taken for a thief."""
    for _ in range(ROUNDS):
        refresh = refreshing(app, session(app, credential))
        answers = at_once(refresh, refresh, refresh, refresh)
        assert [answer.status_code for answer in answers] == [200] * 4
        bodies = [answer.json() for answer in answers]
        assert len({body["refresh_token"] for body in bodies}) == 1
        assert len({body["access_token"] for body in bodies}) == 4
        assert calls(*bodies) == [""] * 4
        assert code(refreshing(app, bodies[0])()) == ""


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_refresh_races_the_revocation_of_its_session(
    app: App, credential: JwtCredential, kind: str
) -> None:
    """Granted or refused, nothing of the session works once both have answered (RFC 7009 §2.1)."""
    for _ in range(ROUNDS):
        before = session(app, credential)
        revoke = partial(
            api.program().post,
            "/sandbox/restapi/oauth/revoke",
            f"token={before[kind]}",
            content_type=api.FORM,
            headers={"Authorization": app.authorization},
        )
        refresh = refreshing(app, before)
        refreshed, revoked, again = at_once(refresh, revoke, refresh)
        assert revoked.status_code == 200
        granted = [answer.json() for answer in (refreshed, again) if code(answer) == ""]
        assert {code(answer) for answer in (refreshed, again)} <= {"", "JWT-108"}
        assert calls(before, *granted) == ["OAU-213"] * (1 + len(granted))
        for tokens in (before, *granted):
            assert code(refreshing(app, tokens)()) == "JWT-108"


def test_a_refresh_races_the_revocation_of_its_credential(rebels: Rebels, app: App) -> None:
    """Everything that was granted at the same moment ends with the credential."""
    for number in range(ROUNDS):
        credential = cast.credential(rebels.luke, label=f"Round {number}")
        before = session(app, credential)
        revoke = partial(
            revoke_jwt_credential,
            credential,
            reason="Lost",
            actor=rebels.luke.user,
            origin=cast.ORIGIN,
        )
        exchange = partial(api.exchange, app, credential.encode())
        *answers, revoked = at_once(refreshing(app, before), exchange, revoke)
        assert isinstance(revoked, JwtCredential)
        granted = [answer.json() for answer in answers if code(answer) == ""]
        assert {code(answer) for answer in answers} <= {"", "JWT-102"}
        assert calls(before, *granted) == ["OAU-213"] * (1 + len(granted))
        for tokens in (before, *granted):
            assert code(refreshing(app, tokens)()) in ("JWT-102", "JWT-108")


def test_reuse_races_the_newest_token(app: App, credential: JwtCredential) -> None:
    """The copy of an old token ends the session, even if its owner is faster (RFC 9700)."""
    for _ in range(ROUNDS):
        stolen = session(app, credential)
        newest = refreshing(app, stolen)().json()
        RefreshToken.objects.with_token(stolen["refresh_token"]).update(
            used_at=timezone.now() - 2 * GRACE
        )
        reused, refreshed = at_once(refreshing(app, stolen), refreshing(app, newest))
        assert code(reused) == "JWT-108"
        granted = [refreshed.json()] if code(refreshed) == "" else []
        for tokens in (stolen, newest, *granted):
            assert calls(tokens) == ["OAU-213"]
            assert code(refreshing(app, tokens)()) == "JWT-108"
