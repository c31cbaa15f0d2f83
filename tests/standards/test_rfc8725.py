"""RFC 8725, JSON Web Token Best Current Practices."""

import base64
import hashlib
import hmac
import json
import zlib
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.utils import der_to_raw_signature

from credentials import jose
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.signing_keys import current_signing_key
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX
from tests.conftest import Rebels


def b64(data: bytes | dict[str, Any]) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header_of(jwt: str) -> dict[str, Any]:
    part = jwt.split(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def code(app: api.App, jwt: str) -> str:
    return str(api.exchange(app, jwt).json()["errors"][0]["errorCode"])


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "HS512", "RS256", "ES384", "", None]
)
def test_section_3_1_algorithm(app: api.App, credential: JwtCredential, algorithm: Any) -> None:
    """We choose the algorithm and ignore the header."""
    jwt = credential.encode()
    _, payload, signature = jwt.split(".")
    head = b64(header_of(jwt) | {"alg": algorithm})
    for forged in (f"{head}.{payload}.{signature}", f"{head}.{payload}."):
        assert code(app, forged) == "JWT-101"


def test_section_3_1_a_public_key_is_never_a_shared_secret(
    app: api.App, credential: JwtCredential
) -> None:
    jwt = credential.encode()
    head = b64(header_of(jwt) | {"alg": "HS256"})
    signed = f"{head}.{jwt.split('.')[1]}"
    for secret in (
        json.dumps(credential.signing_key.public_jwk).encode(),
        credential.signing_key.public_jwk["x"].encode(),
    ):
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        assert code(app, f"{signed}.{b64(mac)}") == "JWT-101"


def test_section_3_2_appropriate_algorithm(
    credential: JwtCredential, tokens: dict[str, Any]
) -> None:
    """ECDSA on P-256 with deterministic nonces (RFC 6979): signing again gives the same string."""
    for jwt in (credential.encode(), tokens["access_token"]):
        assert header_of(jwt)["alg"] == "ES256"
    assert credential.encode() == credential.encode()


def test_section_3_3_every_part_is_verified(app: api.App, credential: JwtCredential) -> None:
    """One changed character in any part is enough."""
    jwt = credential.encode()
    for position in range(0, len(jwt), 7):
        if jwt[position] != ".":
            changed = "A" if jwt[position] != "A" else "B"
            assert code(app, jwt[:position] + changed + jwt[position + 1 :]) == "JWT-101"


# The order of P-256 (FIPS 186). Both numbers of a signature are between 0 and it.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def numbers(jwt: str) -> tuple[int, int]:
    """Both numbers of an ES256 signature (RFC 7518 §3.4)."""
    raw = base64.urlsafe_b64decode(jwt.split(".")[2] + "==")
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


def with_numbers(jwt: str, r: int, s: int) -> str:
    signed, _, _ = jwt.rpartition(".")
    return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_section_3_3_the_second_valid_signature_names_the_same_credential(
    app: api.App, rebels: Rebels, credential: JwtCredential
) -> None:
    """Anyone can derive a second valid signature from an ECDSA signature."""
    jwt = credential.encode()
    r, s = numbers(jwt)
    twin = with_numbers(jwt, r, ORDER - s)
    assert api.exchange(app, twin).json()["owner_id"] == str(credential.extension_id)
    revoke_jwt_credential(credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    assert (code(app, jwt), code(app, twin)) == ("JWT-102", "JWT-102")


def test_section_3_4_numbers_out_of_range(app: api.App, credential: JwtCredential) -> None:
    """Some libraries accept zeros and numbers above the order. We don't."""
    jwt = credential.encode()
    r, s = numbers(jwt)
    for pair in ((0, 0), (r, 0), (0, s), (ORDER, ORDER), (r, ORDER), (2**256 - 1, s)):
        assert code(app, with_numbers(jwt, *pair)) == "JWT-101"


def test_section_3_4_keys_are_points_of_the_curve(db: None) -> None:
    """We never take a key from a token, so there are no others to check."""
    for environment, purpose in product((SANDBOX, PRODUCTION), KeyPurpose):
        jwk = current_signing_key(environment, purpose).public_jwk
        x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "xy")
        # Raises if the point is not on the curve.
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        assert key.key_size == 256


def test_section_3_5_keys_have_entropy(db: None) -> None:
    """The library makes them from the system's random number generator."""
    keys = [jose.generate_private_key() for _ in range(5)]
    assert all(isinstance(key.curve, ec.SECP256R1) for key in keys)
    assert len({key.private_numbers().private_value for key in keys}) == 5


def test_section_3_6_no_compression(app: api.App, credential: JwtCredential) -> None:
    jwt = credential.encode()
    head = b64(header_of(jwt) | {"zip": "DEF"})
    payload = b64(zlib.compress(json.dumps(credential.claims).encode()))
    assert code(app, f"{head}.{payload}.{jwt.split('.')[2]}") == "JWT-101"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_section_3_7_utf_8(app: api.App, credential: JwtCredential, encoding: str) -> None:
    jwt = credential.encode()
    payload = b64(json.dumps(credential.claims | {"sub": "é"}, ensure_ascii=False).encode(encoding))
    head, _, signature = jwt.split(".")
    assert code(app, f"{head}.{payload}.{signature}") == "JWT-101"


def test_section_3_8_issuer_and_subject(app: api.App, credential: JwtCredential) -> None:
    """The key belongs to the issuer, and the subject to the credential."""
    for claims in ({"iss": PRODUCTION.urls.base_url}, {"sub": "1"}):
        assert code(app, api.signed(credential.claims | claims)) == "JWT-101"


def test_section_3_9_audience(tokens: dict[str, Any], credential: JwtCredential) -> None:
    """A JWT for the token endpoint works nowhere else, and the other way around."""
    claims = json.loads(base64.urlsafe_b64decode(tokens["access_token"].split(".")[1] + "=="))
    assert claims["aud"] == SANDBOX.urls.rest_api
    assert credential.claims["aud"] == SANDBOX.urls.token_endpoint


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": 7},
        {"kid": None},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
    ],
    ids=str,
)
def test_section_3_10_the_header_is_not_trusted(
    app: api.App, credential: JwtCredential, header: dict[str, Any]
) -> None:
    jwt = credential.encode()
    head = b64(header_of(jwt) | header)
    assert code(app, f"{head}.{'.'.join(jwt.split('.')[1:])}") == "JWT-101"


def test_section_3_10_a_key_in_the_header_is_ignored(
    app: api.App, credential: JwtCredential
) -> None:
    """A forger signs with a key of their own and puts it into the header."""
    private_key = jose.generate_private_key()
    jwk = jose.public_jwk(private_key)
    own = header_of(credential.encode())
    for head in (own | {"jwk": jwk}, own | {"jwk": jwk, "kid": jwk["kid"]}):
        signed = f"{b64(head)}.{b64(credential.claims)}"
        der = private_key.sign(signed.encode(), ec.ECDSA(SHA256()))
        signature = der_to_raw_signature(der, private_key.curve)
        assert code(app, f"{signed}.{b64(signature)}") == "JWT-101"


def test_section_3_11_explicit_typing(
    app: api.App, credential: JwtCredential, tokens: dict[str, Any]
) -> None:
    assert header_of(tokens["access_token"])["typ"] == "at+jwt"
    assert header_of(credential.encode())["typ"] == "JWT"
    assert code(app, api.signed(credential.claims, token_type="at+jwt")) == "JWT-101"


def test_section_3_12_no_kind_of_token_is_accepted_as_another(
    app: api.App, credential: JwtCredential, tokens: dict[str, Any]
) -> None:
    """Every kind of token has keys, a type and an audience of its own."""
    assert api.call("GET", "/account/~", credential.encode()).json()["errorCode"] == "OAU-149"
    assert code(app, tokens["access_token"]) == "JWT-101"
    assert code(app, tokens["refresh_token"]) == "JWT-101"
    kids = {
        current_signing_key(environment, purpose).kid
        for environment in (SANDBOX, PRODUCTION)
        for purpose in KeyPurpose
    }
    assert len(kids) == 4


def test_section_3_12_no_token_works_in_the_other_environment(
    tokens: dict[str, Any], app: api.App, credential: JwtCredential
) -> None:
    response = api.call("GET", "/account/~", tokens["access_token"], environment=PRODUCTION)
    assert response.json()["errorCode"] == "OAU-149"
    elsewhere = api.exchange(app, credential.encode(), environment=PRODUCTION)
    assert elsewhere.json()["error"] == "invalid_client"
