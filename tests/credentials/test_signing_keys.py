"""Signing keys: one per environment and purpose, made on first use, and what rotation ends."""

from itertools import product

import pytest
from django.db import IntegrityError, transaction

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind
from credentials import jose
from credentials.actions.signing_keys import current_signing_key, rotate_signing_key
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX, oauth_error, rest_error
from tests.conftest import Rebels

CREDENTIAL, ACCESS_TOKEN = KeyPurpose.CREDENTIAL, KeyPurpose.ACCESS_TOKEN
NOT_A_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-101",
    "The assertion is not a valid JWT credential of this authorization server.",
)


def rotate(purpose: KeyPurpose, *, compromised: bool = False) -> SigningKey:
    return rotate_signing_key(SANDBOX, purpose, compromised=compromised, origin=cast.ORIGIN)


def test_each_environment_and_purpose_has_a_key_of_its_own(db: None) -> None:
    pairs = list(product(Environment, KeyPurpose))
    keys = {pair: current_signing_key(*pair) for pair in pairs}
    assert len({key.kid for key in keys.values()}) == 4
    assert len({jose.unseal(key.sealed_private_key) for key in keys.values()}) == 4
    assert {pair: current_signing_key(*pair) for pair in pairs} == keys
    assert SigningKey.objects.count() == 4


def test_first_use_is_audited(db: None) -> None:
    key = current_signing_key(SANDBOX, CREDENTIAL)
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor, event.actor_label, event.target_id, event.user_agent) == (
        AuditKind.SIGNING_KEY_CREATED, None, "Operator", key.kid, "first use",
    )  # fmt: skip


def test_a_row_holds_the_public_half_and_the_sealed_private_half(db: None) -> None:
    key = SigningKey.objects.get(pk=current_signing_key(SANDBOX, CREDENTIAL).pk)
    assert key.public_jwk == jose.public_jwk(jose.unseal(key.sealed_private_key))
    assert key.kid == key.public_jwk["kid"]
    assert "d" not in key.public_jwk


def test_the_database_allows_one_current_key(db: None) -> None:
    key = current_signing_key(SANDBOX, CREDENTIAL)
    key.kid = "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        key.save(force_insert=True)


@pytest.mark.parametrize("compromised", [False, True])
def test_rotation_is_audited(db: None, compromised: bool) -> None:
    former = current_signing_key(SANDBOX, CREDENTIAL)
    production = current_signing_key(PRODUCTION, CREDENTIAL)
    key = rotate(CREDENTIAL, compromised=compromised)
    former.refresh_from_db()
    assert current_signing_key(SANDBOX, CREDENTIAL) == key != former
    assert current_signing_key(PRODUCTION, CREDENTIAL) == production
    assert former.retired_at is not None
    assert (former.distrusted_at == former.retired_at) is compromised
    event = AuditEvent.objects.get(kind=AuditKind.SIGNING_KEY_ROTATED)
    assert (event.target_id, event.details) == (former.kid, {"compromised": compromised})


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


def test_a_key_distrusted_after_its_retirement(rebels: Rebels) -> None:
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
    assert jose.key_id(first) != jose.key_id(second)
    for token in (first, second):
        assert api.call("GET", "/account/~", token).status_code == 200
    rotate(ACCESS_TOKEN, compromised=True)
    assert api.call("GET", "/account/~", first).status_code == 200
    refused = api.call("GET", "/account/~", second)
    assert (refused.status_code, refused.json()) == (
        401,
        rest_error("OAU-149", "This is not an access token of this environment."),
    )
    renewed = api.access_token(app, credential)
    assert api.call("GET", "/account/~", renewed).status_code == 200
