"""Signing and verification (RFC 7515, 7517, 7518, 7638, 8725). The only importer of `jwt`. Pure.

Everything is ES256. Signatures are deterministic (RFC 6979), so that a credential signed again
from its row is the same string.

A credential is presented again and again: what this process has verified once is known by its
digest and key (`_seen`), and only the signature is; state is the caller's to read.
"""

import hashlib
import json
import re
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm

from core import vault
from core.immutable import frozen

ALGORITHM = "ES256"
CREDENTIAL_TYPE = "JWT"
ACCESS_TOKEN_TYPE = "at+jwt"  # RFC 9068 §2.1
# Longer than anything we sign; what is longer is not ours and not worth parsing.
MAX_TOKEN_LENGTH = 4096
# RFC 7515 §7.1: three parts of base64url without padding, so that nothing is encoded in two ways.
_COMPACT = re.compile(r"(?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]+")
# RFC 7518 §3.4: two numbers of 32 bytes.
_SIGNATURE_BYTES = 64
_SIGNATURE_LENGTH = 86
# How many tokens of each key a process knows again, at about a kilobyte each.
SEEN_CAPACITY = 10_000
# A thumbprint; anything else may hold characters that a database refuses to compare with.
_KID = re.compile(r"[A-Za-z0-9_-]{43}")

# Of tokens that a process keeps, and so immutable.
Claims = MappingProxyType[str, Any]
_NO_CLAIMS: Claims = MappingProxyType({})
Jwk = Mapping[str, str]


class InvalidToken(Exception):
    """The string is not a JWT that the expected key signed for the expected use."""


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A compact JWS taken apart (RFC 7515 §7.1). None of it is proved, all of it is claimed."""

    digest: bytes
    """SHA-256 of the whole string."""
    header: Claims
    claims: Claims | None
    """None if the payload is no JSON object."""
    message: bytes
    """What the signature is of."""
    signature: bytes

    @property
    def kid(self) -> str:
        """Which of our own keys it names (RFC 8725 §3.10); empty for none that could be ours."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) and _KID.fullmatch(kid) else ""

    @property
    def token_type(self) -> str:
        return str(self.header.get("typ", ""))

    def claimed(self, name: str) -> str:
        """A claim that is a text; empty if it is missing or something else."""
        value = (self.claims or _NO_CLAIMS).get(name)
        return value if isinstance(value, str) else ""


class SeenTokens:
    """The tokens that keys of ours have signed, as far as this process has verified them."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._by_key: dict[tuple[str, str], dict[bytes, ParsedToken]] = {}
        self._lock = threading.Lock()

    def find(self, digest: bytes) -> ParsedToken | None:
        """The same string as before, so that it is not taken apart again."""
        for seen in tuple(self._by_key.values()):
            if (parsed := seen.get(digest)) is not None:
                return parsed
        return None

    def is_verified(self, parsed: ParsedToken, key: tuple[str, str]) -> bool:
        return parsed.digest in self._by_key.get(key, ())

    def add(self, parsed: ParsedToken, key: tuple[str, str]) -> None:
        """Remember a token, and forget the oldest of its key if there are too many."""
        with self._lock:
            seen = self._by_key.setdefault(key, {})
            while len(seen) >= self._capacity:
                del seen[next(iter(seen))]
            seen[parsed.digest] = parsed

    def forget(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._by_key.pop(key, None)


_seen = SeenTokens(SEEN_CAPACITY)
_ES256 = ec.ECDSA(SHA256(), deterministic_signing=True)
_compact_json = json.JSONEncoder(separators=(",", ":")).encode


def generate_private_key() -> ec.EllipticCurvePrivateKey:
    """A new key whose `kid` does not begin with a dash: commands would take it for an option."""
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        if not public_jwk(key)["kid"].startswith("-"):
            return key


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


def sign(claims: Mapping[str, Any], *, sealed_private_key: str, kid: str, token_type: str) -> str:
    """A compact JWS; the same claims and key always give the same string."""
    message = f"{_header(token_type, kid)}.{_encoded(_compact_json(claims).encode())}"
    r, s = decode_dss_signature(unseal(sealed_private_key).sign(message.encode(), _ES256))
    return f"{message}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


@lru_cache(maxsize=64)
def _header(token_type: str, kid: str) -> str:
    """In the order of names: credentials that were shown have this one."""
    return _encoded(_compact_json({"alg": ALGORITHM, "kid": kid, "typ": token_type}).encode())


@lru_cache(maxsize=64)
def _public_key(x: str, y: str) -> ec.EllipticCurvePublicKey:
    key = ECAlgorithm.from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("A stored JWK holds a private key.")
    return key


def parse_token(token: str) -> ParsedToken:
    """Take a token apart, or find it again. Raises `InvalidToken` for what is no JWS of this kind.

    Refused here are other algorithms, and headers that change what is signed or must be understood
    (RFC 7515 §4.1.11, RFC 7797): ours have none.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken("too long")
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
    return _seen.find(digest) or _parse(token, digest)


def _parse(token: str, digest: bytes) -> ParsedToken:
    if not _COMPACT.fullmatch(token):
        raise InvalidToken("not a compact JWS")
    message, _dot, signature = token.rpartition(".")
    header, _dot, payload = message.partition(".")
    try:
        raw_signature = _decoded(signature)
    except ValueError as error:
        raise InvalidToken("malformed") from error
    parsed = ParsedToken(
        digest, _object(header) or _NO_CLAIMS, _object(payload), message.encode(), raw_signature
    )
    # The last character of a signature has four bits to spare, which no other character has.
    if _encoded(raw_signature) != signature:
        raise InvalidToken("another spelling of a signature")
    if parsed.header.get("alg") != ALGORITHM or parsed.header.keys() & {"crit", "b64"}:
        raise InvalidToken("another algorithm or an unknown extension")
    return parsed


def _object(part: str) -> Claims | None:
    """The JSON object of one part, immutable, because it is kept; None if it is none."""
    try:
        found = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        return None
    return frozen(found) if isinstance(found, dict) else None


def claimed_subject(token: str) -> str:
    """The `sub` of a JWT, unverified and therefore no more than a claim; empty without one."""
    try:
        return parse_token(token).claimed("sub")
    except InvalidToken:
        return ""


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
    """Raises `ValueError` for a length that base64 does not have."""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def claimed_type(token: str) -> str:
    """The `typ` that a string says of itself, unverified: only for words, never for a decision."""
    try:
        return parse_token(token).token_type
    except InvalidToken:
        return ""


def verify(token: str, *, jwk: Jwk, token_type: str) -> Claims:
    """The claims of a token that this key signed for this use; times are the caller's to check."""
    return verify_parsed(parse_token(token), jwk=jwk, token_type=token_type)


def verify_parsed(parsed: ParsedToken, *, jwk: Jwk, token_type: str) -> Claims:
    """The same of a token that was taken apart already. Raises `InvalidToken`."""
    key = (jwk["x"], jwk["y"])
    if not _seen.is_verified(parsed, key):
        _verify_signature(parsed, key)
        _seen.add(parsed, key)
    if parsed.token_type != token_type or parsed.claims is None:
        raise InvalidToken("wrong type")
    return parsed.claims


def _verify_signature(parsed: ParsedToken, key: tuple[str, str]) -> None:
    raw = parsed.signature
    if len(raw) != _SIGNATURE_BYTES:
        raise InvalidToken("no ES256 signature")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        _public_key(*key).verify(der, parsed.message, _ES256)
    except InvalidSignature as error:
        raise InvalidToken("bad signature") from error


def forget_key(jwk: Jwk) -> None:
    """Know none of its tokens any more, as it is distrusted."""
    _seen.forget((jwk["x"], jwk["y"]))
