"""What the token endpoint grants, and how it answers arbitrary bytes."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from credentials import jose
from credentials.actions.signing_keys import current_signing_key
from credentials.models import ExchangeUsage, JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import GRANT_TYPE, PRODUCTION, SANDBOX, App, oauth_error
from tests.conftest import Rebels
from tests.credentials.token_requests import World, assert_refused, not_granted

# --- What it grants -------------------------------------------------------------------------------


def test_a_credential_is_exchanged_for_an_access_token(world: World) -> None:
    before = int(timezone.now().timestamp())
    response = api.exchange(world.app, world.jwt)
    body = response.json()
    assert (response.status_code, body) == (
        200,
        {
            "access_token": ANY,
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "ReadAccounts EditExtensions EditAccounts",
            "owner_id": str(world.for_all.extension_id),
            "endpoint_id": ANY,
        },
    )
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"

    key = current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN)
    token = body["access_token"]
    assert jose.parse_token(token).kid == key.kid
    claims = jose.verify(token, jwk=key.public_jwk, token_type="at+jwt")
    assert claims == {
        "iss": "http://localhost:8000/sandbox",
        "sub": str(world.for_all.extension_id),
        "aud": "http://localhost:8000/sandbox/restapi",
        "client_id": world.app.client_id,
        "scope": "ReadAccounts EditExtensions EditAccounts",
        "roles": ("standard_user",),
        "entitlements": ("ReadCompanyInfo", "ReadExtensions", "EditUserInfo:own"),
        "iat": ANY,
        "exp": claims["iat"] + 3600,
        "jti": ANY,
        "sid": body["endpoint_id"],
        "credential_id": str(world.for_all.pk),
    }
    assert before <= claims["iat"] <= int(timezone.now().timestamp())


def test_a_credential_is_reusable_and_each_exchange_counts(world: World) -> None:
    bodies = [api.exchange(world.app, world.jwt).json() for _ in range(3)]
    assert len({body["access_token"] for body in bodies}) == 3
    assert len({body["endpoint_id"] for body in bodies}) == 3
    usage = ExchangeUsage.objects.get()
    assert (usage.credential, usage.client) == (world.for_all, world.app.client)
    assert usage.exchanges == 3


def test_a_refused_exchange_does_not_count(world: World) -> None:
    api.exchange(world.private, world.jwt)
    api.exchange(world.app, world.jwt, scope="Accounts")
    assert not ExchangeUsage.objects.exists()


def test_the_credential_has_exactly_the_claims_of_the_contract(world: World) -> None:
    key = current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    assert jose.parse_token(world.jwt).kid == key.kid
    assert jose.verify(world.jwt, jwk=key.public_jwk, token_type="JWT") == {
        "iss": "http://localhost:8000/sandbox",
        "sub": str(world.for_all.extension_id),
        "aud": "http://localhost:8000/sandbox/restapi/oauth/token",
        "iat": int(world.for_all.issued_at.timestamp()),
        "exp": int(datetime(2099, 12, 31, tzinfo=UTC).timestamp()),
        "jti": str(world.for_all.pk),
    }
    assert JwtCredential.objects.get(pk=world.for_all.pk).encode() == world.jwt


def test_an_expiration_date_includes_its_day(world: World) -> None:
    day = timezone.now().date() + timedelta(days=1)
    credential = cast.credential(world.luke, expires_on=day)
    end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    assert credential.claims["exp"] == int(end.timestamp())
    assert not credential.is_expired(end - timedelta(seconds=1))
    assert credential.is_expired(end)


def test_each_environment_exchanges_its_own_credentials(world: World, rebels: Rebels) -> None:
    app = App(world.app.application, *cast.client(world.app.application, PRODUCTION))
    credential = cast.credential(rebels.luke, environment=PRODUCTION)
    response = api.exchange(app, credential.encode(), environment=PRODUCTION)
    assert response.status_code == 200
    assert response.json()["owner_id"] == str(credential.extension_id)
    assert credential.extension_id != world.for_all.extension_id


def test_the_lifetime_is_clamped_and_never_refused(world: World, subtests: pytest.Subtests) -> None:
    for requested, granted in [
        ("600", 600),
        ("1234", 1234),
        ("3600", 3600),
        ("599", 600),
        ("0", 600),
        ("-1", 600),
        ("-" + "9" * 99, 600),
        ("3601", 3600),
        ("9" * 99, 3600),
        # A value that isn't a number counts as left out.
        ("", 3600),
        ("9" * 5000, 3600),
        ("1e3", 3600),
        ("12.5", 3600),
        (" 600", 3600),
        ("600\x00", 3600),
        ("٦٠٠", 3600),
    ]:
        with subtests.test(requested=requested[:10]):
            response = api.exchange(world.app, world.jwt, access_token_ttl=requested)
            assert (response.status_code, response.json()["expires_in"]) == (200, granted)


def test_an_access_token_does_not_outlive_its_credential(world: World) -> None:
    ends = timezone.now().replace(microsecond=0) + timedelta(minutes=5)
    JwtCredential.objects.filter(pk=world.for_all.pk).update(expires_at=ends)
    credential = JwtCredential.objects.get(pk=world.for_all.pk)
    body = api.exchange(world.app, credential.encode(), access_token_ttl="3600").json()
    assert 290 <= body["expires_in"] <= 300
    key = current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN)
    claims = jose.verify(body["access_token"], jwk=key.public_jwk, token_type="at+jwt")
    assert claims["exp"] == int(ends.timestamp())


def test_an_exchange_can_narrow_the_scopes(world: World, subtests: pytest.Subtests) -> None:
    for requested, granted in [
        ("", "ReadAccounts EditExtensions EditAccounts"),
        (" ", "ReadAccounts EditExtensions EditAccounts"),
        ("ReadAccounts", "ReadAccounts"),
        ("EditExtensions ReadAccounts", "ReadAccounts EditExtensions"),
        ("ReadAccounts  ReadAccounts", "ReadAccounts"),
        ("EditAccounts", "ReadAccounts EditExtensions EditAccounts"),
    ]:
        with subtests.test(requested=requested):
            response = api.exchange(world.app, world.jwt, scope=requested)
            assert (response.status_code, response.json()["scope"]) == (200, granted)


def test_an_exchange_can_not_widen_the_scopes(world: World, subtests: pytest.Subtests) -> None:
    for requested, named in [
        ("Accounts", "'Accounts'"),
        ("ReadAccounts Accounts Faxes", "'Accounts', 'Faxes'"),
        ("readaccounts", "'readaccounts'"),
        ("ReadAccounts\tEditAccounts", "'ReadAccounts?EditAccounts'"),
        ('"\\\x00é', "'????'"),
        ("x" * 500, f"'{'x' * 100}'"),
        ("a b c d e f g", "'a', 'b', 'c', 'd', 'e'"),
    ]:
        with subtests.test(requested=requested):
            assert_refused(
                api.exchange(world.app, world.jwt, scope=requested),
                400,
                oauth_error("invalid_scope", "CMN-101", not_granted(named)),
            )


def test_an_app_without_scopes_gets_a_token_without_scopes(rebels: Rebels) -> None:
    app = api.app(rebels.luke, scopes=[])
    response = api.exchange(app, cast.credential(rebels.luke).encode())
    assert (response.status_code, response.json()["scope"]) == (200, "")


# --- Arbitrary bytes ------------------------------------------------------------------------------

never_surprised = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LATIN = st.characters(max_codepoint=255, exclude_characters="\r\n")


def assert_an_oauth_refusal(response: Any) -> None:
    """A client error in the one shape that RFC 6749 §5.2 gives it."""
    assert response.status_code in {400, 401}
    body = response.json()
    [coded] = body["errors"]
    # A hint about what was sent can follow the message.
    message, description = coded["message"], body["error_description"]
    hint = description.removeprefix(message).strip()
    assert body == oauth_error(body["error"], coded["errorCode"], message, hint)
    assert all(" " <= char <= "~" and char not in '"\\' for char in description)


@never_surprised
@given(assertion=st.text(max_size=200) | st.text("eyJ.-_=AZ{}09", max_size=200))
@example(assertion="\ud7ff\x00")
def test_any_text_as_assertion(world: World, assertion: str) -> None:
    assert_an_oauth_refusal(api.exchange(world.app, assertion))


@never_surprised
@given(authorization=st.text(LATIN, max_size=60) | st.text(LATIN).map(lambda s: f"Basic {s}"))
def test_any_authorization_header(world: World, authorization: str) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    assert_an_oauth_refusal(api.post(data, authorization))


@never_surprised
@given(pair=st.binary(max_size=60))
def test_any_bytes_as_basic_credentials(world: World, pair: bytes) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    header = "Basic " + b64encode(pair).decode()
    assert_an_oauth_refusal(api.post(data, header))


@never_surprised
@given(body=st.binary(max_size=300))
@example(body=b"grant_type=%ff&assertion=\xff\xfe&client_id=%00&client_secret=%ed%a0%80")
@example(body=b"&&&=&=&;;%%%=%zz")
def test_any_bytes_as_body(world: World, body: bytes) -> None:
    assert_an_oauth_refusal(api.post(body, world.app.authorization))


@never_surprised
@given(
    name=st.sampled_from(
        ["grant_type", "assertion", "scope", "client_id", "client_secret", "access_token_ttl"]
    ),
    value=st.text(max_size=40),
)
@example(name="scope", value="\x00")
@example(name="client_id", value="\x00")
def test_any_value_of_any_parameter(world: World, name: str, value: str) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt, name: value}
    response = api.post(data, world.app.authorization)
    if response.status_code != 200:
        assert_an_oauth_refusal(response)
