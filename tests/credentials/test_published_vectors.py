"""Signatures that others published, through our own verification.

`tests/vectors/` names the source and the license of each file.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credentials import jose
from tests.vectors import VECTORS

ES256 = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256"}

# RFC 7515 §A.3: a JWS with ES256, and its key.
RFC_7515_JWK = ES256 | {
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_7515_JWS = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


def verifies(jwk: jose.Jwk, message: bytes, signature: bytes) -> bool:
    parsed = jose.ParsedToken(
        hashlib.sha256(message + b"." + signature).digest(),
        jose.Claims({"alg": "ES256", "typ": "JWT"}),
        jose.Claims({}),
        message,
        signature,
    )
    try:
        jose.verify_parsed(parsed, jwk=jwk, token_type="JWT")
    except jose.InvalidToken:
        return False
    return True


def wrong_answers(vectors: Path) -> Iterator[tuple[Any, ...]]:
    for group in json.loads(vectors.read_text())["groups"]:
        jwk = ES256 | {"x": group["x"], "y": group["y"]}
        for number, comment, message, signature, is_valid in group["tests"]:
            if verifies(jwk, bytes.fromhex(message), bytes.fromhex(signature)) != is_valid:
                yield number, comment, is_valid


def test_every_vector_of_wycheproof_gets_the_answer_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Edge cases of ECDSA on P-256: numbers out of range, lengths, special points and hashes."""
    monkeypatch.setattr(jose, "_seen", jose.SeenTokens(3))
    assert list(wrong_answers(VECTORS / "ecdsa_p256_sha256_p1363.json")) == []


def test_the_example_of_rfc_7515_verifies_and_is_still_no_token_of_ours() -> None:
    parsed = jose.parse_token(RFC_7515_JWS)
    assert parsed.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert verifies(RFC_7515_JWK, parsed.message, parsed.signature)
    with pytest.raises(jose.InvalidToken, match="wrong type"):
        jose.verify(RFC_7515_JWS, jwk=RFC_7515_JWK, token_type="JWT")


def test_a_key_for_another_use_or_algorithm_verifies_nothing() -> None:
    """Even if its numbers are those of the right key, and whether or not we know the token."""
    parsed = jose.parse_token(RFC_7515_JWS)
    others = {
        "kty": ["RSA", "oct", "OKP", "", None],
        "crv": ["P-384", "P-521", "secp256k1", "p-256", None],
        "use": ["enc", "", None],
        "alg": ["ES512", "ES224", "HS256", "none", "", None],
    }
    changed = [
        {name: text for name, text in (RFC_7515_JWK | {member: value}).items() if text is not None}
        for member, values in others.items()
        for value in values
    ]
    jose.forget_key(RFC_7515_JWK)
    before = [jwk for jwk in changed if verifies(jwk, parsed.message, parsed.signature)]
    assert verifies(RFC_7515_JWK, parsed.message, parsed.signature)
    after = [jwk for jwk in changed if verifies(jwk, parsed.message, parsed.signature)]
    assert (before, after) == ([], [])
