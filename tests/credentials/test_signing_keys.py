"""Signing keys: one per environment and purpose, created on first use, and their rotation."""

from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Program
from pytest_django import Settings

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind
from credentials import jose
from credentials.actions.signing_keys import (
    current_signing_key,
    distrust_signing_key,
    reseal_signing_keys,
    rotate_signing_key,
)
from credentials.models import JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose, KeyState
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX, oauth_error, rest_error
from tests.conftest import Rebels
from tests.races import at_once, shared_database

pytestmark = pytest.mark.both_databases

CREDENTIAL, ACCESS_TOKEN = KeyPurpose.CREDENTIAL, KeyPurpose.ACCESS_TOKEN
NOT_A_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-101",
    "The assertion is not a valid JWT credential of this authorization server. Copy the "
    "whole JWT again.",
)


def rotate(purpose: KeyPurpose, *, compromised: bool = False) -> SigningKey:
    return rotate_signing_key(SANDBOX, purpose, compromised=compromised, origin=cast.ORIGIN)


def test_each_environment_and_purpose_has_a_key_of_its_own(db: None) -> None:
    pairs = list(product(Environment, KeyPurpose))
    keys = {pair: current_signing_key(*pair) for pair in pairs}
    assert len({key.kid for key in keys.values()}) == 4
    assert len({jose.unseal(key.sealed_private_key) for key in keys.values()}) == 4
    assert {pair: current_signing_key(*pair) for pair in pairs} == keys
    states = [key.state for key in SigningKey.objects.all()]
    assert (states.count(KeyState.CURRENT), states.count(KeyState.NEXT), len(states)) == (4, 4, 8)


def test_the_first_use_of_a_signing_key_is_audited(db: None) -> None:
    key = current_signing_key(SANDBOX, CREDENTIAL)
    following = SigningKey.objects.next(SANDBOX, CREDENTIAL).get()
    events = AuditEvent.objects.order_by("id")
    assert [event.target_id for event in events] == [key.kid, following.kid]
    for event in events:
        assert (event.kind, event.actor, event.actor_label, event.user_agent) == (
            AuditKind.SIGNING_KEY_CREATED, None, "Operator", "first use",
        )  # fmt: skip


def test_a_signing_key_row_has_the_public_key_and_the_sealed_private_key(db: None) -> None:
    key = SigningKey.objects.get(pk=current_signing_key(SANDBOX, CREDENTIAL).pk)
    assert key.public_jwk == jose.public_jwk(jose.unseal(key.sealed_private_key))
    assert key.kid == key.public_jwk["kid"]
    assert "d" not in key.public_jwk


@pytest.mark.parametrize("state", ["current", "next"])
def test_the_database_allows_one_next_and_one_current_signing_key(db: None, state: str) -> None:
    current_signing_key(SANDBOX, CREDENTIAL)
    key = getattr(SigningKey.objects, state)(SANDBOX, CREDENTIAL).get()
    key.kid = "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        key.save(force_insert=True)


@pytest.mark.parametrize("compromised", [False, True])
def test_a_signing_key_rotation_is_audited(db: None, compromised: bool) -> None:
    former = current_signing_key(SANDBOX, CREDENTIAL)
    production = current_signing_key(PRODUCTION, CREDENTIAL)
    following = SigningKey.objects.next(SANDBOX, CREDENTIAL).get()
    key = rotate(CREDENTIAL, compromised=compromised)
    former.refresh_from_db()
    # What lay beside a compromised key is not used either.
    assert (key == following) is not compromised
    following.refresh_from_db()
    assert following.state == (KeyState.DISTRUSTED if compromised else KeyState.CURRENT)
    assert current_signing_key(SANDBOX, CREDENTIAL) == key != former
    assert current_signing_key(PRODUCTION, CREDENTIAL) == production
    assert former.retired_at is not None
    assert (former.distrusted_at == former.retired_at) is compromised
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_ROTATED)
    details = {"compromised": compromised, "successor": key.kid}
    assert (event.target_id, event.details) == (former.kid, details)


def test_a_retired_credential_key_still_verifies(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    jwt = credential.encode()
    rotate(CREDENTIAL)
    assert credential.encode() == jwt
    assert api.exchange(app, jwt).status_code == 200
    successor = cast.credential(rebels.luke)
    assert successor.signing_key != credential.signing_key
    assert api.exchange(app, successor.encode()).status_code == 200


def test_a_distrusted_credential_key_stops_everything_it_signed(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    rotate(CREDENTIAL, compromised=True)
    response = api.exchange(app, credential.encode())
    assert (response.status_code, response.json()) == (400, NOT_A_CREDENTIAL)
    assert api.exchange(app, cast.credential(rebels.luke).encode()).status_code == 200


def test_distrusting_the_current_key_leaves_retired_keys_trusted(rebels: Rebels) -> None:
    """Distrusting the present key says nothing about those that retired before it."""
    app, first = api.app(rebels.luke), cast.credential(rebels.luke)
    rotate(CREDENTIAL)
    second = cast.credential(rebels.luke)
    rotate(CREDENTIAL, compromised=True)
    assert api.exchange(app, first.encode()).status_code == 200
    assert api.exchange(app, second.encode()).json() == NOT_A_CREDENTIAL


def test_rotating_the_access_token_key(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    first = api.access_token(app, credential)
    rotate(ACCESS_TOKEN)
    second = api.access_token(app, credential)
    assert jose.parse_token(first).kid != jose.parse_token(second).kid
    for token in (first, second):
        assert api.call("GET", "/account/~", token).status_code == 200
    rotate(ACCESS_TOKEN, compromised=True)
    assert api.call("GET", "/account/~", first).status_code == 200
    refused = api.call("GET", "/account/~", second)
    assert (refused.status_code, refused.json()) == (
        401,
        rest_error(
            "OAU-149",
            "This is not an access token for this environment. Exchange a JWT credential at "
            "the same base URL.",
        ),
    )
    renewed = api.access_token(app, credential)
    assert api.call("GET", "/account/~", renewed).status_code == 200


def states(purpose: KeyPurpose = ACCESS_TOKEN) -> list[str]:
    """The states of the sandbox keys of one purpose, the oldest first."""
    keys = SigningKey.objects.of(SANDBOX, purpose).order_by("created_at", "activated_at")
    return [key.state.value for key in keys]


def jwks() -> Any:
    return Program().get("/sandbox/restapi/oauth/jwks")


def test_the_key_set_carries_next_current_and_retired_keys(rebels: Rebels) -> None:
    current_signing_key(SANDBOX, CREDENTIAL)
    first = current_signing_key(SANDBOX, ACCESS_TOKEN)
    assert states() == ["current", "next"]
    second = SigningKey.objects.next(SANDBOX, ACCESS_TOKEN).get()
    before = jwks()
    assert before["Cache-Control"] == "public, max-age=300"
    rotate(ACCESS_TOKEN)
    assert states() == ["retired", "current", "next"]
    third = SigningKey.objects.next(SANDBOX, ACCESS_TOKEN).get()
    by_age = [third.public_jwk, second.public_jwk, first.public_jwk]
    assert jwks().json() == {"keys": by_age}
    assert before.json() == {"keys": by_age[1:]}


def test_a_resource_server_that_fetched_before_a_rotation_knows_the_new_key(rebels: Rebels) -> None:
    """Which is what the next key is for: no token is lost between two fetches of the key set."""
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    api.access_token(app, credential)
    fetched = {key["kid"] for key in jwks().json()["keys"]}
    rotate(ACCESS_TOKEN)
    assert jose.parse_token(api.access_token(app, credential)).kid in fetched


def test_a_retired_key_is_published_until_its_last_token_expires(rebels: Rebels) -> None:
    first = current_signing_key(SANDBOX, ACCESS_TOKEN)
    rotate(ACCESS_TOKEN)
    first.refresh_from_db()
    assert first.retired_at is not None
    last = first.retired_at + settings.ACCESS_TOKEN_TTL_MAX
    published = SigningKey.objects.published
    assert first in published(SANDBOX, last - timedelta(seconds=1))
    assert first not in published(SANDBOX, last)


def test_sending_a_signing_key_rotation_twice_rotates_once(db: None) -> None:
    seen = current_signing_key(SANDBOX, CREDENTIAL).kid

    def submit() -> SigningKey:
        return rotate_signing_key(
            SANDBOX, CREDENTIAL, compromised=False, expected=seen, origin=cast.ORIGIN
        )

    successor = submit()
    with pytest.raises(ValidationError, match="already been rotated"):
        submit()
    assert current_signing_key(SANDBOX, CREDENTIAL) == successor


def test_only_operators_rotate_signing_keys(rebels: Rebels) -> None:
    key = current_signing_key(SANDBOX, CREDENTIAL)
    rotate(CREDENTIAL)
    with pytest.raises(PermissionDenied):
        rotate_signing_key(
            SANDBOX, CREDENTIAL, compromised=False, actor=rebels.leia.user, origin=cast.ORIGIN
        )
    with pytest.raises(PermissionDenied):
        distrust_signing_key(key, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert states(CREDENTIAL) == ["retired", "current", "next"]


def test_a_retired_key_can_be_distrusted(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    rotate(CREDENTIAL)
    assert api.exchange(app, credential.encode()).status_code == 200
    distrust_signing_key(credential.signing_key, origin=cast.ORIGIN)
    distrust_signing_key(credential.signing_key, origin=cast.ORIGIN)
    assert api.exchange(app, credential.encode()).json() == NOT_A_CREDENTIAL
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_DISTRUSTED)
    assert (event.target_id, event.actor) == (credential.signing_key_id, None)


def test_the_current_key_cannot_be_distrusted_without_a_rotation(db: None) -> None:
    with pytest.raises(ValidationError, match="isn’t retired"):
        distrust_signing_key(current_signing_key(SANDBOX, CREDENTIAL), origin=cast.ORIGIN)


NEWER = "bmV3ZXItMzItYnl0ZXMtb2YtYS1mZXJuZXQta2V5ISE="


def test_resealing_removes_the_need_for_the_older_encryption_key(
    rebels: Rebels, settings: Settings
) -> None:
    older = settings.KEY_ENCRYPTION_KEYS[0]
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    jwt = credential.encode()
    api.access_token(app, credential)
    settings.KEY_ENCRYPTION_KEYS = [NEWER, older]
    outcome = reseal_signing_keys(origin=cast.ORIGIN)
    assert (len(outcome.resealed), outcome.unreadable) == (4, [])
    assert AuditEvent.objects.filter(kind=AuditKind.SIGNING_KEY_RESEALED).count() == 4
    assert reseal_signing_keys(origin=cast.ORIGIN).resealed == []
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    again = JwtCredential.objects.get(pk=credential.pk)
    assert again.encode() == jwt
    assert api.exchange(app, jwt).status_code == 200


def test_resealing_names_unreadable_keys_and_leaves_them(db: None, settings: Settings) -> None:
    current_signing_key(SANDBOX, CREDENTIAL)
    before = list(SigningKey.objects.order_by("kid").values())
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    outcome = reseal_signing_keys(origin=cast.ORIGIN)
    assert outcome.resealed == []
    assert [key.kid for key in outcome.unreadable] == [key["kid"] for key in before]
    assert outcome.lost == []
    assert list(SigningKey.objects.order_by("kid").values()) == before


def test_an_installation_with_the_wrong_encryption_key_is_not_ready(
    db: None, settings: Settings
) -> None:
    current_signing_key(SANDBOX, CREDENTIAL)
    assert Program().get("/healthz/ready").json() == {"status": "ok"}
    settings.KEY_ENCRYPTION_KEYS = [NEWER]
    response = Program().get("/healthz/ready")
    assert (response.status_code, response.json()) == (
        503,
        {"status": "error", "problem": "KEY_ENCRYPTION_KEYS can't decrypt the signing keys."},
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("purpose", KeyPurpose)
def test_exchanges_during_signing_key_rotations_all_succeed(
    transactional_db: None, rebels: Rebels, purpose: KeyPurpose, tmp_path: Path
) -> None:
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    current_signing_key(SANDBOX, ACCESS_TOKEN)

    def exchanges() -> list[int]:
        statuses = []
        for _ in range(15):
            response = api.exchange(app, jwt)
            token = response.json().get("access_token", "")
            statuses += [response.status_code, api.call("GET", "/account/~", token).status_code]
        return statuses

    def rotations() -> list[KeyState]:
        return [rotate(purpose).state for _ in range(10)]

    with shared_database(tmp_path):
        answers = at_once(exchanges, rotations, exchanges, rotations)
        assert states(purpose).count("retired") == 20
    assert answers == [[200] * 30, [KeyState.CURRENT] * 10, [200] * 30, [KeyState.CURRENT] * 10]
