"""Signing and verification, without a request around them."""

import hashlib
import json
import os
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from core import vault
from core.immutable import frozen
from credentials import jose

PRIVATE_KEY = jose.generate_private_key()
SEALED = jose.seal(PRIVATE_KEY)
JWK = jose.public_jwk(PRIVATE_KEY)
OTHER_JWK = jose.public_jwk(jose.generate_private_key())
CLAIMS = {"iss": "https://platform.example.com", "sub": "400131426008", "exp": 4102358400}


def sign(claims: Mapping[str, Any], token_type: str = "JWT") -> str:
    return jose.sign(claims, sealed_private_key=SEALED, kid=JWK["kid"], token_type=token_type)


def decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
json_objects = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=9), json_values, max_size=5
)


@given(claims=json_objects, token_type=st.sampled_from(["JWT", "at+jwt"]))
@hypothesis_settings(deadline=None)
def test_signed_claims_verify_unchanged(claims: Mapping[str, Any], token_type: str) -> None:
    token = sign(claims, token_type)
    assert jose.verify(token, jwk=JWK, token_type=token_type) == frozen(claims)
    assert sign(claims, token_type) == token
    if len(token) <= jose.MAX_TOKEN_LENGTH:
        assert jose.parse_token(token).kid == JWK["kid"]


@given(claims=json_objects)
@hypothesis_settings(max_examples=30, deadline=None)
def test_a_token_verifies_only_with_its_key_and_its_type(claims: Mapping[str, Any]) -> None:
    token = sign(claims)
    for jwk, token_type in [(OTHER_JWK, "JWT"), (JWK, "at+jwt"), (JWK, "jwt"), (JWK, "")]:
        with pytest.raises(jose.InvalidToken):
            jose.verify(token, jwk=jwk, token_type=token_type)


@given(text=st.text(max_size=200) | st.text("eyJ.-_=AZ{}09", max_size=200))
def test_any_text_is_an_invalid_token(text: str) -> None:
    with pytest.raises(jose.InvalidToken):
        jose.parse_token(text)
    with pytest.raises(jose.InvalidToken):
        jose.verify(text.encode(errors="replace").decode(), jwk=JWK, token_type="JWT")


@given(header=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_header_is_an_invalid_token(header: bytes) -> None:
    with pytest.raises(jose.InvalidToken):
        jose.parse_token(f"{encoded(header)}.e30.c2ln")


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff", b"[" * 2000])
def test_a_genuine_signature_over_anything_but_an_object_is_refused(payload: bytes) -> None:
    token = jwt.PyJWS().encode(payload, PRIVATE_KEY, algorithm="ES256", headers={"typ": "JWT"})
    with pytest.raises(jose.InvalidToken):
        jose.verify(token, jwk=JWK, token_type="JWT")


@pytest.mark.parametrize(
    "kid", [None, "", 1, [], {}, "x" * 42, "x" * 44, "x" * 42 + "\x00", "x" * 42 + "\ud800",
            "../../../etc/passwd", "' OR 1=1 --"],
)  # fmt: skip
def test_a_kid_that_is_no_thumbprint_never_reaches_the_database(kid: Any) -> None:
    header = encoded(json.dumps({"alg": "ES256", "kid": kid}).encode())
    assert jose.parse_token(f"{header}.e30.c2ln").kid == ""


def test_credentials_of_earlier_versions_are_the_same_string() -> None:
    """Credentials that owners keep were signed through PyJWT; they are shown again by `sign`."""
    usual = jwt.PyJWS().encode(
        json.dumps(CLAIMS, separators=(",", ":")).encode(),
        PRIVATE_KEY,
        algorithm="ES256",
        headers={"typ": "JWT", "kid": JWK["kid"]},
    )
    assert sign(CLAIMS).rpartition(".")[0] == usual.rpartition(".")[0]


@given(place=st.integers(0, 400), character=st.sampled_from("AZaz09-_.="))
def test_another_library_agrees_about_every_change(place: int, character: str) -> None:
    token = sign(CLAIMS)
    changed = token[:place] + character + token[place + 1 :]
    try:
        theirs = jwt.PyJWS().decode(changed, PRIVATE_KEY.public_key(), algorithms=["ES256"])
        verified = {"claims": json.loads(theirs)}
    except (jwt.InvalidTokenError, ValueError):
        verified = {}
    try:
        ours = {"claims": jose.verify(changed, jwk=JWK, token_type="JWT")}
    except jose.InvalidToken:
        ours = {}
    # It reads a signature whose last character has other bits to spare. That is another string.
    is_respelled = place == len(token) - 1 and changed != token
    assert ours == ({} if is_respelled else verified)


@pytest.mark.parametrize("more", [{"crit": ["exp"], "exp": 1}, {"b64": False}, {"b64": True}])
def test_a_critical_header_parameter_is_refused(more: dict[str, Any]) -> None:
    header = encoded(json.dumps({"alg": "ES256", "kid": JWK["kid"], "typ": "JWT", **more}).encode())
    message = f"{header}.{encoded(b'{}')}"
    raw = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(
        message.encode(), PRIVATE_KEY
    )
    with pytest.raises(jose.InvalidToken):
        jose.verify(f"{message}.{encoded(raw)}", jwk=JWK, token_type="JWT")


class TestSeen:
    @pytest.fixture(autouse=True)
    def _verifications(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.verified = 0
        verify_signature = jose._verify_signature

        def counting(
            parsed: jose.ParsedToken, algorithm: jose.Algorithm, key: tuple[str, str]
        ) -> None:
            self.verified += 1
            verify_signature(parsed, algorithm, key)

        monkeypatch.setattr(jose, "_verify_signature", counting)
        monkeypatch.setattr(jose, "_seen", jose.SeenTokens(3))

    def verify(self, number: int, jwk: jose.Jwk = JWK, token_type: str = "JWT") -> jose.Claims:
        return jose.verify(sign(CLAIMS | {"n": number}), jwk=jwk, token_type=token_type)

    def test_a_signature_is_verified_once(self) -> None:
        assert self.verify(1) == self.verify(1) == CLAIMS | {"n": 1}
        assert self.verified == 1

    def test_no_caller_can_change_the_claims_that_the_next_one_gets(self) -> None:
        claims: Any = self.verify(1)
        with pytest.raises(TypeError):
            claims["n"] = 2
        nested = sign({"aud": ["a"], "cnf": {"jkt": "b"}})
        aud, cnf = jose.verify(nested, jwk=JWK, token_type="JWT").values()
        assert aud == ("a",)
        with pytest.raises(TypeError):
            cnf["jkt"] = "c"
        assert self.verify(1) == CLAIMS | {"n": 1}

    def test_a_verified_token_is_known_only_for_its_key_and_type(self) -> None:
        self.verify(1)
        for jwk, token_type in [(OTHER_JWK, "JWT"), (JWK, "at+jwt")]:
            with pytest.raises(jose.InvalidToken):
                self.verify(1, jwk, token_type)

    def test_a_forgery_is_never_remembered(self) -> None:
        forged = sign(CLAIMS)[:-8] + "AAAAAAAA"
        for times in (1, 2):
            with pytest.raises(jose.InvalidToken):
                jose.verify(forged, jwk=JWK, token_type="JWT")
            assert self.verified == times

    def test_the_oldest_tokens_are_forgotten(self) -> None:
        for number in (1, 2, 3, 4):
            self.verify(number)
        self.verify(4)
        assert self.verified == 4
        self.verify(1)
        assert self.verified == 5

    def test_a_distrusted_key_is_forgotten(self) -> None:
        self.verify(1)
        jose.forget_key(JWK)
        assert jose._seen.find(hashlib.sha256(sign(CLAIMS | {"n": 1}).encode()).digest()) is None
        self.verify(1)
        assert self.verified == 2


def test_a_token_has_one_spelling() -> None:
    token = sign(CLAIMS)
    assert jose.parse_token(token).kid == JWK["kid"]
    for other in [token + "==", token + "\n", " " + token, token + ".", "." + token, token + "é"]:
        with pytest.raises(jose.InvalidToken):
            jose.parse_token(other)
    respelled = token[:-1] + chr(ord(token[-1]) + 1)
    assert decoded(respelled.split(".")[2]) == decoded(token.split(".")[2])
    with pytest.raises(jose.InvalidToken):
        jose.verify(respelled, jwk=JWK, token_type="JWT")
    with pytest.raises(jose.InvalidToken):
        jose.parse_token("a" * jose.MAX_TOKEN_LENGTH + ".e30.c2ln")


def test_the_header_names_algorithm_type_and_key_and_nothing_else() -> None:
    header, payload, signature = sign(CLAIMS).split(".")
    assert json.loads(decoded(header)) == {"alg": "ES256", "typ": "JWT", "kid": JWK["kid"]}
    assert json.loads(decoded(payload)) == CLAIMS
    assert len(decoded(signature)) == 64


def test_a_jwk_is_public_and_named_by_its_thumbprint() -> None:
    """The thumbprint of RFC 7638, computed here by its definition."""
    assert set(JWK) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (JWK["kty"], JWK["crv"], JWK["use"], JWK["alg"]) == ("EC", "P-256", "sig", "ES256")
    text = f'{{"crv":"P-256","kty":"EC","x":"{JWK["x"]}","y":"{JWK["y"]}"}}'
    digest = hashlib.sha256(text.encode()).digest()
    assert JWK["kid"] == encoded(digest)


def test_another_process_signs_the_same_string() -> None:
    program = (
        "import sys, json; from credentials import jose;"
        "sealed, kid, claims = json.load(sys.stdin);"
        "print(jose.sign(claims, sealed_private_key=sealed, kid=kid, token_type='JWT'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([SEALED, JWK["kid"], CLAIMS]),
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "console.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == sign(CLAIMS)


# --- Sealing -------------------------------------------------------------------------------------


def same(one: EllipticCurvePrivateKey, other: EllipticCurvePrivateKey) -> bool:
    return one.private_numbers() == other.private_numbers()


def test_a_sealed_key_comes_back_and_does_not_show() -> None:
    private_key = jose.generate_private_key()
    sealed = jose.seal(private_key)
    assert same(jose.unseal(sealed), private_key)
    assert "PRIVATE" not in sealed
    assert jose.seal(private_key) != sealed


def test_encryption_keys_rotate_newest_first(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    private_key = jose.generate_private_key()
    settings.KEY_ENCRYPTION_KEYS = [old]
    sealed_before = jose.seal(private_key)

    settings.KEY_ENCRYPTION_KEYS = [new, old]
    assert same(jose.unseal(sealed_before), private_key)
    sealed_after = jose.seal(private_key)

    settings.KEY_ENCRYPTION_KEYS = [new]
    assert same(jose.unseal(sealed_after), private_key)
    with pytest.raises(vault.Unreadable):
        jose.unseal(sealed_before)


def test_what_fernet_sealed_is_readable_until_it_is_sealed_again(settings: Settings) -> None:
    """Earlier versions sealed with Fernet under the same keys."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Fernet(old).encrypt(b"secret").decode()
    settings.KEY_ENCRYPTION_KEYS = [new, old]
    assert vault.unseal(sealed) == b"secret"
    settings.KEY_ENCRYPTION_KEYS = [old]
    assert not vault.is_sealed_with_newest(sealed)
    resealed = vault.reseal(sealed)
    assert vault.is_sealed_with_newest(resealed)
    assert vault.unseal(resealed) == b"secret"
    settings.KEY_ENCRYPTION_KEYS = [new]
    for value in (sealed, resealed):
        with pytest.raises(vault.Unreadable):
            vault.unseal(value)


def test_only_our_kind_of_key_is_unsealed() -> None:
    sealed = jose.seal(Ed25519PrivateKey.generate())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        jose.unseal(sealed)


def test_a_kid_can_be_an_argument_of_a_command() -> None:
    """One thumbprint in 64 begins with a dash."""
    made = {jose.public_jwk(jose.generate_private_key())["kid"] for _ in range(600)}
    assert not [kid for kid in made if kid.startswith("-")]


@pytest.mark.parametrize(
    "coordinates",
    [
        {"y": encoded(bytes(31) + b"\1")},
        {"x": encoded(b"\xff" * 32)},
        {"x": encoded(b"\1" * 31)},
        {"x": "", "y": ""},
        {"x": "=?"},
    ],
    ids=str,
)
def test_a_key_off_the_curve_verifies_nothing(coordinates: dict[str, str]) -> None:
    with pytest.raises(jose.InvalidToken):
        jose.verify(sign(CLAIMS), jwk={**JWK, **coordinates}, token_type="JWT")
