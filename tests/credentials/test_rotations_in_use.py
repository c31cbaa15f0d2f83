"""Rotations at the Auth API and the REST API: both credentials work until the old one ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.environments import Environment
from core.origin import Origin
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.rotations import (
    close_rotations,
)
from credentials.models import (
    JwtCredential,
    RefreshToken,
    Rotation,
)
from tests import api, cast
from tests.api import SANDBOX, App, rest_error
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    url,
    words_of,
)
from tests.credentials.rotating import (
    DAY,
    HOUR,
    answer,
    closed,
    end_at,
    replaced_error,
    rotation_of,
)

TICK = Origin.command("tick")


def test_both_credentials_work_and_the_first_use_starts_the_grace_period(
    app: App, rotation: Rotation
) -> None:
    old, new = rotation.replaced, rotation.replacement
    assert answer(app, old) == (200, "")
    old.refresh_from_db()
    assert old.superseded_at == rotation.deadline
    before = timezone.now()
    assert answer(app, new) == (200, "")
    after = timezone.now()
    rotation.refresh_from_db()
    assert rotation.first_used_at is not None
    assert before <= rotation.first_used_at <= after
    old.refresh_from_db()
    new.refresh_from_db()
    assert old.superseded_at == rotation.first_used_at + DAY
    assert not new.awaits_first_use
    assert answer(app, old) == answer(app, new) == (200, "")
    again = Rotation.objects.get()
    assert again.first_used_at == rotation.first_used_at


def test_a_deadline_before_the_end_of_the_grace_period_wins(app: App, old: JwtCredential) -> None:
    rotation = rotation_of(old, deadline=HOUR)
    assert answer(app, rotation.replacement) == (200, "")
    old.refresh_from_db()
    assert old.superseded_at == rotation.deadline


@pytest.mark.parametrize("why", ["another app", "wider scope", "suspended"])
def test_a_refused_exchange_starts_no_grace_period(
    rebels: Rebels, partners: Partners, app: App, rotation: Rotation, why: str
) -> None:
    parameters: dict[str, Any] = {}
    if why == "another app":
        app = api.app(partners.lobot)
    if why == "wider scope":
        parameters = {"scope": "Accounts"}
    if why == "suspended":
        app.client.status = "suspended"
        app.client.save()
    jwt = rotation.replacement.encode()
    assert api.exchange(app, jwt, **parameters).status_code in (400, 401)
    assert Rotation.objects.get().first_used_at is None


def test_a_test_from_the_console_starts_no_grace_period(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    data = {"client_id": app.client_id, "client_secret": app.secret}
    response = sign_in(rebels.luke).post(url("test", rotation.replacement), data)
    assert "The Auth API granted an access token" in words_of(response)
    assert Rotation.objects.get().first_used_at is None


def test_an_exchange_that_fails_late_starts_no_grace_period(
    app: App, rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("credentials.oauth.grants.jwt_bearer.issue_refresh_token", fail)
    with pytest.raises(RuntimeError):
        api.exchange(app, rotation.replacement.encode())
    assert Rotation.objects.get().first_used_at is None
    assert JwtCredential.objects.get(pk=rotation.replacement_id).awaits_first_use


def test_nothing_of_the_old_credential_works_after_the_rotation_closed(
    app: App, rotation: Rotation
) -> None:
    old = rotation.replaced
    tokens = api.exchange(app, old.encode()).json()
    at = closed(rotation)
    refused = api.exchange(app, old.encode())
    assert (refused.status_code, refused.json()) == (400, replaced_error(at))
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert api.post(refresh, app.authorization).json() == replaced_error(at)
    called = api.call("GET", "/account/~/extension/~", tokens["access_token"])
    assert (called.status_code, called.json()) == (
        401,
        rest_error(
            "OAU-213",
            "This access token no longer works: it was revoked, or its credential, its "
            "owner, its app or the address of the call is no longer allowed. Exchange the "
            "credential again to see why.",
        ),
    )
    for token in (tokens["access_token"], tokens["refresh_token"]):
        path = f"/{SANDBOX}/restapi/oauth/introspect"
        asked = api.program().generic(
            "POST",
            path,
            f"token={token}",
            CONTENT_TYPE=api.FORM,
            HTTP_AUTHORIZATION=app.authorization,
        )
        assert asked.json() == {"active": False}
    verified = api.program().get(
        f"/{SANDBOX}/restapi/oauth/verify",
        HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}",
    )
    assert verified.status_code == 401
    assert answer(app, rotation.replacement) == (200, "")


def test_no_token_outlives_the_old_credential(app: App, rotation: Rotation) -> None:
    end_at(rotation.replaced, timezone.now() + timedelta(minutes=5))
    tokens = api.exchange(app, rotation.replaced.encode()).json()
    assert tokens["expires_in"] <= 300
    assert tokens["refresh_token_expires_in"] <= 300
    assert RefreshToken.objects.get().expires_at == rotation.replaced.superseded_at


def test_an_old_credential_revoked_during_the_rotation_is_reported_as_revoked(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    revoke_jwt_credential(
        rotation.replaced, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    refused = api.exchange(app, rotation.replaced.encode())
    assert (
        refused.json()["error_description"]
        == "This credential has been revoked. Use another credential."
    )
    assert not Rotation.objects.get().is_open()
    # The replacement still works, and its first use leaves the old credential as it is.
    assert answer(app, rotation.replacement) == (200, "")
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    assert (old.status, old.superseded_at) == ("revoked", rotation.deadline)


def test_a_rotation_leaves_other_credentials_and_environments_alone(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    production = cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    other = cast.credential(rebels.luke)
    rotation_of(production)
    closed(rotation)
    answer(app, rotation.replacement)
    close_rotations(origin=TICK)
    assert answer(app, other) == (200, "")
    assert answer(app, production) == (400, "JWT-104")
    production.refresh_from_db()
    assert production.is_being_replaced
    forged = rotation.replacement.encode()[:-4] + "AAAA"
    assert api.exchange(app, forged).json()["errors"][0]["errorCode"] == "JWT-101"


def test_a_dry_run_of_a_replaced_credential_shows_the_api_message(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    at = closed(rotation)
    response = sign_in(rebels.luke).post(
        url("test", rotation.replaced), {"client_id": app.client_id}
    )
    assert replaced_error(at)["error_description"] in words_of(response)


def test_a_rotation_adds_no_statement_to_an_exchange(
    rebels: Rebels, app: App, rotation: Rotation, django_assert_num_queries: Any
) -> None:
    plain = cast.credential(rebels.luke)
    api.exchange(app, rotation.replacement.encode())
    jwts = [each.encode() for each in (plain, rotation.replaced, rotation.replacement)]
    api.exchange(app, jwts[1])
    for jwt in jwts:
        # What decides, the usage, the refresh token.
        with django_assert_num_queries(3):
            assert api.exchange(app, jwt).status_code == 200
    token = api.access_token(app, plain)
    with django_assert_num_queries(1):
        assert api.call("GET", "/account/~/extension/~", token).status_code == 200
