"""Each signing key has an algorithm, and a token never chooses another (RFC 8725 §3.1)."""

from base64 import urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from credentials import jose
from credentials.jose import InvalidToken

ES384 = jose.Algorithm(
    "ES384", "P-384", ec.SECP384R1(), ec.ECDSA(SHA384(), deterministic_signing=True), 48
)


@pytest.fixture
def es384(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a move to another algorithm adds."""
    monkeypatch.setitem(jose.ALGORITHMS, "ES384", ES384)


def signed(key: ec.EllipticCurvePrivateKey) -> str:
    kid = jose.public_jwk(key)["kid"]
    sealed = jose.seal(key)
    return jose.sign({"sub": "luke"}, sealed_private_key=sealed, kid=kid, token_type="JWT")


def test_a_key_of_another_algorithm_signs_and_verifies(es384: None) -> None:
    key, former = jose.generate_private_key("ES384"), jose.generate_private_key()
    jwk, token = jose.public_jwk(key), signed(key)
    assert (jwk["crv"], jwk["alg"]) == ("P-384", "ES384")
    assert jwt.get_unverified_header(token) == {"alg": "ES384", "kid": jwk["kid"], "typ": "JWT"}
    assert jwt.PyJWS().decode(token, key.public_key(), algorithms=["ES384"])
    assert dict(jose.verify(token, jwk=jwk, token_type="JWT")) == {"sub": "luke"}
    assert jose.shape_problem(token) == ""
    assert token == signed(key)
    # The keys of before still verify what they signed.
    assert jose.verify(signed(former), jwk=jose.public_jwk(former), token_type="JWT")


def test_a_token_can_not_choose_the_algorithm_of_its_key(es384: None) -> None:
    key = jose.generate_private_key()
    header, payload, _ = signed(key).split(".")
    claimed = jwt.get_unverified_header(f"{header}.{payload}.AAAA") | {"alg": "ES384"}
    other = urlsafe_b64encode(jose._compact_json(claimed).encode()).rstrip(b"=").decode()
    token = f"{other}.{payload}.{'A' * ES384.signature_length}"
    with pytest.raises(InvalidToken, match="another algorithm than that of the key"):
        jose.verify(token, jwk=jose.public_jwk(key), token_type="JWT")


def test_a_key_has_the_curve_of_its_algorithm(es384: None) -> None:
    key = jose.generate_private_key()
    with pytest.raises(InvalidToken, match="another kind of key"):
        jose.verify(signed(key), jwk={**jose.public_jwk(key), "alg": "ES384"}, token_type="JWT")


def test_a_key_whose_algorithm_was_given_up_verifies_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = jose.generate_private_key()
    jwk, token = jose.public_jwk(key), signed(key)
    monkeypatch.setattr(jose, "ALGORITHMS", {"ES384": ES384})
    with pytest.raises(InvalidToken, match="another algorithm"):
        jose.parse_token(token)
    assert jose.shape_problem(token) == "It isn’t signed with ES384, unlike our JWTs."
    with pytest.raises(InvalidToken, match="another kind of key"):
        jose.verify(signed_with_es384(), jwk=jwk, token_type="JWT")


def signed_with_es384() -> str:
    return signed(ec.generate_private_key(ec.SECP384R1()))
