"""Forgeries at the token endpoint all get the same message, and never a 5xx.

A description adds how the text looks, which its sender knows.
"""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwt.utils import der_to_raw_signature
from pytest_django import Settings

from accounts.models import Membership
from credentials import jose
from credentials.actions.signing_keys import current_signing_key
from credentials.damage import damage_of
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX, App
from tests.conftest import Rebels
from tests.credentials.token_requests import NOT_A_CREDENTIAL, with_hint

Forgeries = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Target:
    """What the forger knows: an authentic app, a genuine JWT, and every public key."""

    luke: Membership
    app: App
    credential: JwtCredential

    @property
    def jwt(self) -> str:
        return self.credential.encode()

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "JWT", "kid": self.credential.signing_key_id}


@pytest.fixture
def target(rebels: Rebels) -> Target:
    return Target(rebels.luke, api.app(rebels.luke), cast.credential(rebels.luke))


# Python parses it, but code that walks it by recursion would run out of frames.
NESTED = b'{"alg":"ES256","kid":"k","a":' + b"[" * 600 + b"]" * 600 + b"}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(value: Any) -> str:
    return encoded(json.dumps(value, separators=(",", ":")).encode())


def forged(header: Any, claims: Any) -> str:
    """A JWS of the forger's own ES256 key."""
    content = f"{segment(header)}.{segment(claims)}"
    der = FORGERS_KEY.sign(content.encode(), ECDSA(SHA256()))
    return f"{content}.{encoded(der_to_raw_signature(der, FORGERS_KEY.curve))}"


FORGERS_KEY = jose.generate_private_key()
FORGERS_JWK = jose.public_jwk(FORGERS_KEY)


def refused(target: Target, assertion: str) -> None:
    response = api.exchange(target.app, assertion)
    damage = damage_of(assertion)
    refusal = with_hint(NOT_A_CREDENTIAL, f"The assertion {damage.predicate}." if damage else "")
    assert (response.status_code, response.json()) == (400, refusal)
    assert response["Cache-Control"] == "no-store"


def refuse_all(target: Target, forgeries: Forgeries, subtests: pytest.Subtests) -> None:
    assert api.exchange(target.app, target.jwt).status_code == 200
    for name, assertion in forgeries:
        with subtests.test(name):
            refused(target, assertion)


# --- Without the key ------------------------------------------------------------------------------


def test_an_assertion_without_a_signature_is_refused(
    target: Target, subtests: pytest.Subtests
) -> None:
    _, payload, signature = target.jwt.split(".")

    def forgeries() -> Forgeries:
        for alg in ["none", "None", "NONE", "nOnE", "", None, 0, [], ["ES256"], {"ES256": 1}]:
            header = segment(target.header | {"alg": alg})
            yield f"alg {alg!r} without signature", f"{header}.{payload}."
            yield f"alg {alg!r} with the genuine signature", f"{header}.{payload}.{signature}"
        without = {name: value for name, value in target.header.items() if name != "alg"}
        yield "no alg", f"{segment(without)}.{payload}.{signature}"
        for zeros in (1, 63, 64, 65):
            forged_signature = encoded(b"\x00" * zeros)
            yield f"{zeros} zeros", f"{segment(target.header)}.{payload}.{forged_signature}"

    refuse_all(target, forgeries(), subtests)


def test_an_assertion_signed_with_the_public_key_as_secret_is_refused(
    target: Target, subtests: pytest.Subtests
) -> None:
    jwk = target.credential.signing_key.public_jwk
    public_key = jose._public_key(jwk["crv"], jwk["x"], jwk["y"])
    _, payload, _ = target.jwt.split(".")

    def forgeries() -> Forgeries:
        secrets = {
            "PEM": public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "DER": public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "JWK": json.dumps(jwk).encode(),
            "x": jwk["x"].encode(),
            "kid": jwk["kid"].encode(),
            "nothing": b"",
        }
        for (name, secret), (alg, digest) in (
            (secret, algorithm)
            for secret in secrets.items()
            for algorithm in {"HS256": hashlib.sha256, "HS512": hashlib.sha512}.items()
        ):
            content = f"{segment(target.header | {'alg': alg})}.{payload}"
            signature = hmac.new(secret, content.encode(), digest).digest()
            yield f"{alg} with {name}", f"{content}.{encoded(signature)}"

    refuse_all(target, forgeries(), subtests)


def test_an_assertion_signed_with_another_key_is_refused(
    target: Target, subtests: pytest.Subtests
) -> None:
    claims = target.credential.claims
    access_key = current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN)
    production_key = current_signing_key(PRODUCTION, KeyPurpose.CREDENTIAL)
    headers: list[tuple[str, dict[str, Any]]] = [
        ("our kid", {}),
        ("the forger's kid", {"kid": FORGERS_JWK["kid"]}),
        ("the access token key's kid", {"kid": access_key.kid}),
        ("production's kid", {"kid": production_key.kid}),
        ("no kid", {"kid": None}),
        ("empty kid", {"kid": ""}),
        ("a path as kid", {"kid": "../../../../dev/null"}),
        ("SQL as kid", {"kid": "' UNION SELECT '"}),
        ("a list as kid", {"kid": [target.header["kid"]]}),
        ("NUL in kid", {"kid": target.header["kid"][:-1] + "\x00"}),
        ("a lone surrogate as kid", {"kid": "\ud800" * 43}),
        ("jwk", {"jwk": FORGERS_JWK}),
        ("jwk with its kid", {"jwk": FORGERS_JWK, "kid": FORGERS_JWK["kid"]}),
        ("jku", {"jku": "https://forger.example/jwks.json"}),
        ("x5u", {"x5u": "https://forger.example/chain.pem"}),
        ("x5c", {"x5c": ["MIIB"], "x5t": "x"}),
        ("crit", {"crit": ["exp"], "exp": 0}),
        ("b64", {"b64": False, "crit": ["b64"]}),
        ("zip", {"zip": "DEF"}),
        ("nested", {"cty": "JWT"}),
    ]
    refuse_all(
        target,
        ((name, forged(target.header | changed, claims)) for name, changed in headers),
        subtests,
    )


def test_an_assertion_with_changed_parts_is_refused(
    target: Target, subtests: pytest.Subtests
) -> None:
    header, payload, signature = target.jwt.split(".")
    claims = target.credential.claims

    def forgeries() -> Forgeries:
        for name, value in {
            "iss": "http://localhost:8000/production",
            "sub": "400131426008",
            "aud": "http://localhost:8000/production/restapi/oauth/token",
            "iat": 0,
            "exp": 4102358401,
            "jti": "00000000-0000-4000-8000-000000000000",
            "scope": "Accounts",
        }.items():
            yield f"changed {name}", f"{header}.{segment(claims | {name: value})}.{signature}"
        for name in claims:
            fewer = {other: claims[other] for other in claims if other != name}
            yield f"without {name}", f"{header}.{segment(fewer)}.{signature}"
        doubled = json.dumps(claims)[:-1] + ', "sub": "1"}'
        yield "a claim twice", f"{header}.{encoded(doubled.encode())}.{signature}"
        spaced = json.dumps(claims, indent=1).encode()
        yield "other spacing", f"{header}.{encoded(spaced)}.{signature}"
        twice = json.dumps(target.header)[:-1] + ', "alg": "none"}'
        yield "alg twice", f"{encoded(twice.encode())}.{payload}.{signature}"
        changes: list[dict[str, Any]] = [
            {"typ": "at+jwt"},
            {"typ": "jwt"},
            {"crit": []},
            {"jku": ""},
            {"x": 1},
        ]
        for changed in changes:
            yield (
                f"header with {changed}",
                (f"{segment(target.header | changed)}.{payload}.{signature}"),
            )
        flipped = "A" if signature[0] != "A" else "B"
        yield "a changed signature", f"{header}.{payload}.{flipped}{signature[1:]}"
        der = bytes.fromhex("3006020100020100")
        yield "a signature in DER", f"{header}.{payload}.{encoded(der)}"
        r, s = signature[:43], signature[43:]
        yield "r and s swapped", f"{header}.{payload}.{s}{r}"

    refuse_all(target, forgeries(), subtests)


def test_a_malformed_assertion_is_refused(target: Target, subtests: pytest.Subtests) -> None:
    header, payload, signature = target.jwt.split(".")
    long_number = b'{"kid":' + b"9" * 2900 + b"}"
    flattened = {"protected": header, "payload": payload, "signature": signature}

    def forgeries() -> Forgeries:
        yield from {
            "a word": "garbage",
            "dots": "..",
            "many dots": "." * 100,
            "header": header,
            "header and payload": f"{header}.{payload}",
            "empty signature": f"{header}.{payload}.",
            "empty payload": f"{header}..{signature}",
            "empty header": f".{payload}.{signature}",
            "five parts": f"{target.jwt}.x.y",
            "padded": f"{target.jwt}==",
            "a line end": f"{target.jwt}\n",
            "a space before": f" {target.jwt}",
            "a NUL behind": f"{target.jwt}\x00",
            "quoted": f'"{target.jwt}"',
            "with its scheme": f"Bearer {target.jwt}",
            "standard base64": f"{header}.{payload}.+/{signature[2:]}",
            "not ASCII": target.jwt[:-1] + "é",
            "wide letters": target.jwt.replace("e", "ｅ"),
            "an emoji": "🔑" * 1000,
            "oversized": "a" * 5000,
            "oversized JWT": f"{header}.{payload}{'A' * 5000}.{signature}",
            "flattened JSON serialization": json.dumps(flattened),
            "general JSON serialization": json.dumps(
                {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
            ),
            "a JWS in a JWS": forged(target.header | {"cty": "JWT"}, target.jwt),
            "deep header": f"{encoded(b'[' * 2900)}.{payload}.{signature}",
            "deep payload": f"{header}.{encoded(b'[' * 2900)}.{signature}",
            "nested header": f"{encoded(NESTED)}.{payload}.{signature}",
            "nested payload": f"{header}.{encoded(NESTED)}.{signature}",
            "a huge number": f"{encoded(long_number)}.{payload}.{signature}",
            "not a number": f"{segment({'kid': math.nan})}.{payload}.{signature}",
            "a header in UTF-16": (
                f"{encoded(json.dumps(target.header).encode('utf-16'))}.{payload}.x"
            ),
            "a header that is a list": f"{segment([target.header])}.{payload}.{signature}",
            "binary": f"{encoded(bytes(range(256)))}.{payload}.{signature}",
        }.items()
        for cut in range(1, len(target.jwt), 23):
            yield f"cut after {cut}", target.jwt[:cut]
        for part in range(3):
            parts = target.jwt.split(".")
            parts[part] = parts[part][:-1]
            yield f"part {part} one shorter", ".".join(parts)

    refuse_all(target, forgeries(), subtests)


# --- Tokens of another kind, and the key's own signature over something else ----------------------


def test_an_access_token_is_not_an_assertion(target: Target) -> None:
    token = api.access_token(target.app, target.credential)
    refused(target, token)
    _, payload, signature = token.split(".")
    refused(target, f"{segment(target.header)}.{payload}.{signature}")


def test_credential_claims_signed_with_the_access_token_key_are_refused(target: Target) -> None:
    for token_type in ("JWT", "at+jwt"):
        refused(
            target,
            api.signed(
                target.credential.claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type=token_type
            ),
        )


def test_a_genuine_signature_over_claims_that_differ_from_the_row_is_refused(
    target: Target, subtests: pytest.Subtests
) -> None:
    claims = target.credential.claims
    another = cast.credential(target.luke, environment=PRODUCTION)
    base_url = SANDBOX.urls.base_url
    foreign_values: dict[str, list[Any]] = {
        "iss": [
            "", None, 1, [base_url], f"{base_url}/", base_url.upper(), PRODUCTION.urls.base_url,
            "https://forger.example",
        ],
        "aud": [
            "", None, base_url, [claims["aud"]], PRODUCTION.urls.token_endpoint,
            f"{base_url}/restapi",
        ],
        "sub": [None, 1, int(claims["sub"]), str(another.extension_id), "\x00", [claims["sub"]]],
        "jti": [
            None, 0, "", "x", str(another.pk), claims["jti"].upper(), claims["jti"] + "\x00",
            f"{{{claims['jti']}}}", "00000000-0000-4000-8000-000000000000", {"$ne": 1}, "\ud800",
        ],
        "iat": [None, 0, claims["iat"] + 1, str(claims["iat"]), 1e300, -1],
        "exp": [None, 0, claims["exp"] - 1, claims["exp"] + 1, str(claims["exp"]), 1e300],
        "nbf": [0],
        "scope": ["Accounts"],
    }  # fmt: skip

    def forgeries() -> Forgeries:
        for name, values in foreign_values.items():
            for value in values:
                yield f"{name} = {value!r}", api.signed(claims | {name: value})
            fewer = {other: claims[other] for other in claims if other != name}
            if fewer != claims:
                yield f"without {name}", api.signed(fewer)
        yield "typ at+jwt", api.signed(claims, token_type="at+jwt")
        yield "typ jwt", api.signed(claims, token_type="jwt")
        yield "no claims", api.signed({})

    refuse_all(target, forgeries(), subtests)


def test_a_production_key_can_not_sign_sandbox_credentials(target: Target) -> None:
    """Its issuer is not production's, so it is no genuine production credential either."""
    refused(target, api.signed(target.credential.claims, environment=PRODUCTION))


def test_a_credential_with_its_claims_in_another_order_is_accepted(target: Target) -> None:
    """Another string of the same claims under our key is still the same credential."""
    backwards = dict(reversed(target.credential.claims.items()))
    assert api.signed(backwards) != target.jwt
    assert api.exchange(target.app, api.signed(backwards)).status_code == 200


# --- Base URLs that move --------------------------------------------------------------------------


def test_credentials_of_a_previous_base_url_stay_valid(target: Target, settings: Settings) -> None:
    before = target.jwt
    issued_before = api.access_token(target.app, target.credential)
    settings.SANDBOX_PREVIOUS_BASE_URLS = [settings.SANDBOX_BASE_URL]
    settings.SANDBOX_BASE_URL = "https://platform.sandbox.example.com"
    token = api.access_token(target.app, target.credential)
    assert target.credential.encode() == before
    for one in (token, issued_before):
        assert api.call("GET", "/account/~", one).status_code == 200
    after = cast.credential(target.luke)
    assert after.claims["iss"] == "https://platform.sandbox.example.com"
    assert api.exchange(target.app, after.encode()).status_code == 200
    mixed = target.credential.claims | {"aud": after.claims["aud"]}
    refused(target, api.signed(mixed))


def test_a_base_url_that_was_dropped_is_refused(target: Target, settings: Settings) -> None:
    token = api.access_token(target.app, target.credential)
    settings.SANDBOX_BASE_URL = "https://platform.sandbox.example.com"
    refused(target, target.jwt)
    response = api.call("GET", "/account/~", token)
    assert (response.status_code, response.json()["errorCode"]) == (401, "OAU-149")


# --- Anything else that a forger invents ----------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
names = st.sampled_from(["alg", "typ", "kid", "jwk", "jku", "crit", "b64", "cty"]) | st.text(
    max_size=8
)
ours = hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ours
@given(changes=st.dictionaries(names, values, max_size=4))
def test_any_header_is_refused(target: Target, changes: dict[str, Any]) -> None:
    _, payload, signature = target.jwt.split(".")
    refused(target, f"{segment({**target.header, 'x': 0} | changes)}.{payload}.{signature}")
    refused(target, forged(target.header | changes, target.credential.claims))


@ours
@given(
    changes=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "iat", "exp", "jti", "nbf"]), values, min_size=1
    )
)
def test_any_other_claims_under_our_own_key_are_refused(
    target: Target, changes: dict[str, Any]
) -> None:
    claims = target.credential.claims | changes
    refused(target, api.signed(claims))


@ours
@given(position=st.integers(min_value=0), char=st.characters(codec="utf-8"))
def test_a_jwt_with_one_changed_character_is_refused(
    target: Target, position: int, char: str
) -> None:
    jwt = target.jwt
    position %= len(jwt)
    if char != jwt[position]:
        refused(target, jwt[:position] + char + jwt[position + 1 :])
