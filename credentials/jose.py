"""Signing and verification (RFC 7515, 7517, 7518, 7638, 8725). The only importer of `jwt`. Pure.

Everything is ES256. Signatures are deterministic (RFC 6979), so that a credential signed again
from its row is the same string; PyJWT's own signer is not, hence `_DeterministicES256`.
"""

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm
from jwt.utils import der_to_raw_signature

from accounts import vault

ALGORITHM = "ES256"
CREDENTIAL_TYPE = "JWT"
ACCESS_TOKEN_TYPE = "at+jwt"  # RFC 9068 §2.1
# Longer than anything we sign; what is longer is not ours and not worth parsing.
MAX_TOKEN_LENGTH = 4096
# RFC 7515 §7.1: three parts of base64url without padding, so that no token has a second spelling.
_COMPACT = re.compile(r"(?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]+")
# RFC 7518 §3.4: two numbers of 32 bytes.
_SIGNATURE_LENGTH = 86
# A thumbprint; anything else may hold characters that a database refuses to compare with.
_KID = re.compile(r"[A-Za-z0-9_-]{43}")

Claims = dict[str, Any]
Jwk = dict[str, str]


class InvalidToken(Exception):
    """The string is not a JWT that the expected key signed for the expected use."""


class _DeterministicES256(ECAlgorithm):
    def sign(self, msg: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
        der = key.sign(msg, ec.ECDSA(SHA256(), deterministic_signing=True))
        return der_to_raw_signature(der, key.curve)


_signer = jwt.PyJWS(algorithms=[])
_signer.register_algorithm(ALGORITHM, _DeterministicES256(ECAlgorithm.SHA256, ec.SECP256R1))
_verifier = jwt.PyJWS(algorithms=[ALGORITHM])


def generate_private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(private_key: ec.EllipticCurvePrivateKey) -> Jwk:
    """The public key as a JWK whose `kid` is its thumbprint (RFC 7638)."""
    jwk = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    required = {name: str(jwk[name]) for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return required | {"use": "sig", "alg": ALGORITHM, "kid": thumbprint}


def seal(private_key: ec.EllipticCurvePrivateKey) -> str:
    """Encrypt a private key for the database with the newest of `KEY_ENCRYPTION_KEYS`."""
    der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return vault.seal(der)


@lru_cache(maxsize=64)
def unseal(sealed: str) -> ec.EllipticCurvePrivateKey:
    """The private key. Raises `vault.Unreadable`."""
    key = load_der_private_key(vault.unseal(sealed), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("A sealed signing key is not an elliptic curve key.")
    return key


def sign(claims: Claims, *, sealed_private_key: str, kid: str, token_type: str) -> str:
    """A compact JWS; the same claims and key always give the same string."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _signer.encode(
        payload,
        unseal(sealed_private_key),
        algorithm=ALGORITHM,
        headers={"typ": token_type, "kid": kid},
    )


@lru_cache(maxsize=64)
def _public_key(x: str, y: str) -> ec.EllipticCurvePublicKey:
    key = ECAlgorithm.from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("A stored JWK holds a private key.")
    return key


def key_id(token: str) -> str:
    """The `kid` of the header, unverified: it only picks among our own keys (RFC 8725 §3.10)."""
    if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
        raise InvalidToken("too long or not a compact JWS")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise InvalidToken("malformed") from error
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise InvalidToken("no kid of ours")
    return kid


def claimed_subject(token: str) -> str:
    """The `sub` of a JWT, unverified and therefore no more than a claim; empty without one."""
    if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
        return ""
    payload = token.split(".")[1]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""


def shape_problem(text: str) -> str:
    """Why a string can't be one of our JWTs, from the string alone; empty if it can."""
    if len(text) > MAX_TOKEN_LENGTH:
        return f"It is longer than {MAX_TOKEN_LENGTH} characters; none of ours is."
    for wrapped, problem in _WRAPPED:
        if wrapped.search(text):
            return problem
    parts = text.split(".")
    if len(parts) != 3:
        return f"A JWT has three parts with dots between them; this has {len(parts)}."
    if not _COMPACT.fullmatch(text):
        return "One of its three parts is empty or holds characters that base64url does not have."
    return _content_problem(parts)


_WRAPPED = (
    (
        re.compile(r"\Abearer\s", re.IGNORECASE),
        "It begins with the word Bearer. The assertion is the JWT alone.",
    ),
    (re.compile(r"""\A["']|["']\Z"""), "It stands in quotation marks. Send the JWT alone."),
    (re.compile(r"\s"), "It holds spaces or line breaks. Copy it as one line."),
)


def _content_problem(parts: list[str]) -> str:
    try:
        header, payload = (json.loads(_decoded(part)) for part in parts[:2])
    except (ValueError, RecursionError):
        return "Its header or its claims are not readable. It may have been cut off or changed."
    if not isinstance(header, dict) or not isinstance(payload, dict):
        return "Its header or its claims are not a JSON object."
    if header.get("alg") != ALGORITHM:
        return f"It is not signed with {ALGORITHM}, as ours are."
    if len(parts[2]) != _SIGNATURE_LENGTH:
        return (
            f"Its signature has {len(parts[2])} characters and not {_SIGNATURE_LENGTH}. "
            "It may have been cut off."
        )
    return ""


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def said_type(token: str) -> str:
    """The `typ` that a string says of itself, unverified: only for words, never for a decision."""
    if len(token) > MAX_TOKEN_LENGTH or not _COMPACT.fullmatch(token):
        return ""
    try:
        return str(jwt.get_unverified_header(token).get("typ", ""))
    except jwt.InvalidTokenError:
        return ""


def verify(token: str, *, jwk: Jwk, token_type: str) -> Claims:
    """The claims of a token that this key signed for this use; times are the caller's to check."""
    try:
        decoded = _verifier.decode_complete(
            token, key=_public_key(jwk["x"], jwk["y"]), algorithms=[ALGORITHM]
        )
        claims = json.loads(decoded["payload"])
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise InvalidToken("bad signature or malformed") from error
    if decoded["header"].get("typ") != token_type or not isinstance(claims, dict):
        raise InvalidToken("wrong type")
    return claims
