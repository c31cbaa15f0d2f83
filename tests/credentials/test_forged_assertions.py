"""What a forger can make without our keys, and what only we could make but never did: JWT-101."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.environments import Environment, token_endpoint
from credentials import jose
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.conftest import Rebels

INVALID = api.oauth_error(
    "invalid_grant",
    "JWT-101",
    "The assertion is not a valid JWT credential of this authorization server.",
)


@pytest.fixture
def app(rebels: Rebels) -> api.App:
    return api.app(rebels.luke)


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    return cast.credential(rebels.luke)


def b64(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header(credential: JwtCredential, **more: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "JWT", "kid": credential.signing_key_id} | more


def own_signature(credential: JwtCredential, **more: Any) -> str:
    """Signed with a key of the forger's, whatever the header claims."""
    key = jose.generate_private_key()
    return jwt.encode(credential.claims, key, "ES256", headers=header(credential, **more))


def alg_none(credential: JwtCredential) -> str:
    return f"{b64(header(credential, alg='none'))}.{b64(credential.claims)}."


def alg_none_with_signature(credential: JwtCredential) -> str:
    return f"{b64(header(credential, alg='none'))}.{b64(credential.claims)}.AAAA"


def hs256_with_the_public_key(credential: JwtCredential) -> str:
    jwk = credential.signing_key.public_jwk
    public = jwt.algorithms.ECAlgorithm.from_jwk(jwk).public_bytes(  # type: ignore[union-attr]
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{b64(header(credential, alg='HS256'))}.{b64(credential.claims)}"
    return f"{signed}.{b64(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def changed_claims(credential: JwtCredential) -> str:
    head, _, signature = credential.encode().split(".")
    return f"{head}.{b64(credential.claims | {'sub': '1'})}.{signature}"


def changed_header(credential: JwtCredential) -> str:
    _, payload, signature = credential.encode().split(".")
    return f"{b64(header(credential, extra=1))}.{payload}.{signature}"


def signature_of_zeros(credential: JwtCredential) -> str:
    head, payload, _ = credential.encode().split(".")
    return f"{head}.{payload}.{b64(bytes(64))}"


def der_signature(credential: JwtCredential) -> str:
    """CVE-2022-21449's neighbours: a signature in another encoding."""
    head, payload, _ = credential.encode().split(".")
    return f"{head}.{payload}.{b64(bytes.fromhex('3006020100020100'))}"


def with_jwk(credential: JwtCredential) -> str:
    key = jose.generate_private_key()
    embedded = header(credential, jwk=jose.public_jwk(key))
    return jwt.encode(credential.claims, key, "ES256", headers=embedded)


def with_own_kid(credential: JwtCredential) -> str:
    key = jose.generate_private_key()
    own = header(credential, kid=jose.public_jwk(key)["kid"])
    return jwt.encode(credential.claims, key, "ES256", headers=own)


def with_jku(credential: JwtCredential) -> str:
    return own_signature(credential, jku="http://127.0.0.1:1/jwks", x5u="http://127.0.0.1:1/x5u")


def kid_with_sql(credential: JwtCredential) -> str:
    return own_signature(credential, kid="' OR 1=1 --")


def kid_with_path(credential: JwtCredential) -> str:
    return own_signature(credential, kid="../../../../dev/null")


def kid_with_nul(credential: JwtCredential) -> str:
    return own_signature(credential, kid="\x00" * 43)


def kid_that_is_a_number(credential: JwtCredential) -> str:
    return f"{b64(header(credential, kid=7))}.{b64(credential.claims)}.AAAA"


def json_serialization(credential: JwtCredential) -> str:
    head, payload, signature = credential.encode().split(".")
    return json.dumps({"protected": head, "payload": payload, "signature": signature})


def oversized(credential: JwtCredential) -> str:
    return credential.encode() + "A" * jose.MAX_TOKEN_LENGTH


def non_ascii(credential: JwtCredential) -> str:
    return credential.encode().replace("e", "é", 1)


def five_parts(credential: JwtCredential) -> str:
    return f"{credential.encode()}.AA.AA"


def padded(credential: JwtCredential) -> str:
    return f"{credential.encode()}="


def with_space(credential: JwtCredential) -> str:
    return f" {credential.encode()}"


def deep_json(credential: JwtCredential) -> str:
    return f"{b64(header(credential))}.{b64(b'[' * 1500)}.AAAA"


FORGERIES = [
    alg_none,
    alg_none_with_signature,
    changed_claims,
    changed_header,
    deep_json,
    der_signature,
    five_parts,
    hs256_with_the_public_key,
    json_serialization,
    kid_that_is_a_number,
    kid_with_nul,
    kid_with_path,
    kid_with_sql,
    non_ascii,
    oversized,
    own_signature,
    padded,
    signature_of_zeros,
    with_jku,
    with_jwk,
    with_own_kid,
    with_space,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_assertion(
    app: api.App, credential: JwtCredential, forge: Callable[[JwtCredential], str]
) -> None:
    response = api.exchange(app, forge(credential))
    assert response.status_code == 400
    assert response.json() == INVALID


def test_a_truncated_assertion(
    app: api.App, credential: JwtCredential, subtests: pytest.Subtests
) -> None:
    whole = credential.encode()
    for length in range(1, len(whole), 7):
        with subtests.test(length=length):
            assert api.exchange(app, whole[:length]).json() == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": "http://localhost:8000/production"},
        {"iss": ["http://localhost:8000/sandbox"]},
        {"aud": "http://localhost:8000/sandbox"},
        {"aud": [token_endpoint("http://localhost:8000/sandbox")]},
        {"sub": "1"},
        {"jti": str(uuid4())},
        {"jti": "not a uuid"},
        {"jti": None},
        {"iat": 0},
        {"exp": 4_102_444_800},
        {"exp": "4102358400"},
        {"nbf": 0},
    ],
    ids=str,
)
def test_claims_that_we_never_signed_that_way(
    app: api.App, credential: JwtCredential, claims: dict[str, Any]
) -> None:
    assert api.exchange(app, api.signed(credential.claims | claims)).json() == INVALID


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "iat", "exp", "jti"])
def test_a_claim_is_missing(app: api.App, credential: JwtCredential, missing: str) -> None:
    claims = {name: value for name, value in credential.claims.items() if name != missing}
    assert api.exchange(app, api.signed(claims)).json() == INVALID


def test_a_token_of_one_kind_is_not_another(app: api.App, credential: JwtCredential) -> None:
    access_token = api.access_token(app, credential)
    assert api.exchange(app, access_token).json() == INVALID
    wrong_type = api.signed(credential.claims, token_type=jose.ACCESS_TOKEN_TYPE)
    assert api.exchange(app, wrong_type).json() == INVALID
    wrong_key = api.signed(credential.claims, purpose=KeyPurpose.ACCESS_TOKEN)
    assert api.exchange(app, wrong_key).json() == INVALID


def test_the_other_environments_key_does_not_vouch_for_this_one(
    app: api.App, credential: JwtCredential
) -> None:
    crossed = api.signed(credential.claims, environment=Environment.PRODUCTION)
    assert api.exchange(app, crossed).json() == INVALID
