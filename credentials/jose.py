"""Signing and verification (RFC 7515, 7517, 7518, 7638, 8725). Only this module imports `jwt`.

Each key has one algorithm, which its JWK names; a token never chooses another (RFC 8725 §3.1).
Signatures are deterministic (RFC 6979), so that signing a credential again from its row gives the
same string.

Apps present the same token again and again, so a process remembers which signatures it has verified
(`_seen`). It remembers nothing else about a token: callers read its state each time.
"""

import hashlib
import json
import math
import re
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
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
from jwt.exceptions import InvalidKeyError

from core import vault
from core.immutable import frozen
from credentials.damage import damage_of
from credentials.refused import Reason

CREDENTIAL_TYPE = "JWT"
ACCESS_TOKEN_TYPE = "at+jwt"  # RFC 9068 §2.1
# The longest token of ours, so that a caller can't make us parse more. Common web servers refuse
# lines of a header that are longer than 8 KB.
MAX_TOKEN_LENGTH = 8000
# RFC 7515 §7.1: base64url without padding, so that a token has only one spelling.
_COMPACT = re.compile(r"(?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]+")
# Tokens that a process remembers of each key, at about a kilobyte each.
SEEN_CAPACITY = 10_000
# A thumbprint. Other texts can hold characters that a database refuses to compare with.
_KID = re.compile(r"[A-Za-z0-9_-]{43}")
# Of tokens that a process keeps, and so immutable.
Claims = MappingProxyType[str, Any]
_NO_CLAIMS: Claims = MappingProxyType({})
Jwk = Mapping[str, str]


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm of RFC 7518 §3.4."""

    name: str
    crv: str
    curve: ec.EllipticCurve
    ecdsa: ec.ECDSA
    number_bytes: int
    """A signature is two numbers of this many bytes."""

    @property
    def signature_length(self) -> int:
        """Characters of base64url."""
        return math.ceil(2 * self.number_bytes * 8 / 6)

    @cached_property
    def kind_of_key(self) -> ItemsView[str, str]:
        """What the JWK of a key says."""
        return {"kty": "EC", "crv": self.crv, "use": "sig", "alg": self.name}.items()


ES256 = Algorithm(
    "ES256", "P-256", ec.SECP256R1(), ec.ECDSA(SHA256(), deterministic_signing=True), 32
)
# What keys can have, by name. Keys of an algorithm that is no longer here verify nothing.
ALGORITHMS: dict[str, Algorithm] = {ES256.name: ES256}
# What new keys get.
ALGORITHM = ES256.name


class InvalidToken(Exception):
    """The string is not a JWT that the expected key signed for the expected use."""


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """The parts of a compact JWS (RFC 7515 §7.1). Nothing of it is verified."""

    digest: bytes
    """SHA-256 of the whole string."""
    header: Claims
    claims: Claims | None
    """None if the payload isn't a JSON object."""
    message: bytes
    """The signed bytes."""
    signature: bytes

    @property
    def kid(self) -> str:
        """The key that it names (RFC 8725 §3.10); empty if that can't be one of ours."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) and _KID.fullmatch(kid) else ""

    @property
    def algorithm(self) -> str:
        """What it claims. Its key decides: see `verify_parsed`."""
        return str(self.header.get("alg", ""))

    @property
    def token_type(self) -> str:
        return str(self.header.get("typ", ""))

    def claimed(self, name: str) -> str:
        """Empty if the claim is missing or not a text."""
        value = (self.claims or _NO_CLAIMS).get(name)
        return value if isinstance(value, str) else ""


class SeenTokens:
    """The tokens whose signatures this process has verified, by key."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._by_key: dict[tuple[str, str], dict[bytes, ParsedToken]] = {}
        self._lock = threading.Lock()

    def find(self, digest: bytes) -> ParsedToken | None:
        for seen in tuple(self._by_key.values()):
            if (parsed := seen.get(digest)) is not None:
                return parsed
        return None

    def is_verified(self, parsed: ParsedToken, key: tuple[str, str]) -> bool:
        return parsed.digest in self._by_key.get(key, ())

    def add(self, parsed: ParsedToken, key: tuple[str, str]) -> None:
        with self._lock:
            seen = self._by_key.setdefault(key, {})
            while len(seen) >= self._capacity:
                del seen[next(iter(seen))]
            seen[parsed.digest] = parsed

    def forget(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._by_key.pop(key, None)


_seen = SeenTokens(SEEN_CAPACITY)
_compact_json = json.JSONEncoder(separators=(",", ":")).encode


def generate_private_key(algorithm: str = ALGORITHM) -> ec.EllipticCurvePrivateKey:
    # Commands would take a `kid` that begins with a dash for an option.
    while True:
        key = ec.generate_private_key(ALGORITHMS[algorithm].curve)
        if not public_jwk(key)["kid"].startswith("-"):
            return key


def public_jwk(private_key: ec.EllipticCurvePrivateKey) -> Jwk:
    """The public key as a JWK whose `kid` is its thumbprint (RFC 7638)."""
    jwk = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    required = {name: str(jwk[name]) for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return required | {"use": "sig", "alg": _algorithm_of(private_key).name, "kid": thumbprint}


def _algorithm_of(private_key: ec.EllipticCurvePrivateKey) -> Algorithm:
    for algorithm in ALGORITHMS.values():
        if algorithm.curve.name == private_key.curve.name:
            return algorithm
    raise TypeError("No algorithm of ours uses the curve of this key.")


def seal(private_key: ec.EllipticCurvePrivateKey) -> str:
    der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return vault.seal(der)


@lru_cache(maxsize=64)
def unseal(sealed: str) -> ec.EllipticCurvePrivateKey:
    """The private key. Raises `vault.Unreadable`."""
    key = load_der_private_key(vault.unseal(sealed), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("A sealed signing key is not an elliptic curve key.")
    return key


def sign(
    claims: Mapping[str, Any],
    *,
    sealed_private_key: str,
    kid: str,
    token_type: str,
    shared: str = "{",
) -> str:
    """A compact JWS; the same claims and key always give the same string.

    `shared` is the JSON text before these claims: see `shared_claims`.
    """
    private_key = unseal(sealed_private_key)
    algorithm = _algorithm_of(private_key)
    payload = shared + _compact_json(claims)[1:]
    message = f"{_header(algorithm.name, token_type, kid)}.{_encoded(payload.encode())}"
    r, s = decode_dss_signature(private_key.sign(message.encode(), algorithm.ecdsa))
    size = algorithm.number_bytes
    return f"{message}.{_encoded(r.to_bytes(size) + s.to_bytes(size))}"


def shared_claims(claims: Mapping[str, Any]) -> str:
    """Claims that many tokens have, encoded for `sign`. There must be others to follow."""
    return f"{_compact_json(claims)[:-1]},"


@lru_cache(maxsize=64)
def _header(algorithm: str, token_type: str, kid: str) -> str:
    # The order of the members is part of every JWT that was ever shown, so it must not change.
    return _encoded(_compact_json({"alg": algorithm, "kid": kid, "typ": token_type}).encode())


@lru_cache(maxsize=64)
def _public_key(crv: str, x: str, y: str) -> ec.EllipticCurvePublicKey:
    key = ECAlgorithm.from_jwk({"kty": "EC", "crv": crv, "x": x, "y": y})
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("A stored JWK holds a private key.")
    return key


def parse_token(token: str) -> ParsedToken:
    """The parts of a token. Raises `InvalidToken` for anything but a compact JWS of our algorithms.

    It also refuses headers that change what is signed or that a verifier must understand (RFC 7515
    §4.1.11, RFC 7797), because our tokens have none.
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
    # The last character of a signature has four unused bits, so a signature has several spellings.
    if _encoded(raw_signature) != signature:
        raise InvalidToken("another spelling of a signature")
    if parsed.algorithm not in ALGORITHMS or parsed.header.keys() & {"crit", "b64"}:
        raise InvalidToken("another algorithm or an unknown extension")
    return parsed


def _object(part: str) -> Claims | None:
    # Immutable, because later requests with the same token get the same object.
    try:
        found = json.loads(_decoded(part).decode())
        return frozen(found) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def parsed_or_none(token: str) -> ParsedToken | None:
    try:
        return parse_token(token)
    except InvalidToken:
        return None


def shape_problem(text: str) -> str:
    """Why a string can't be one of our JWTs; empty if it can be."""
    if len(text) > MAX_TOKEN_LENGTH:
        return f"It is longer than {MAX_TOKEN_LENGTH} characters. Our JWTs are shorter."
    damage = damage_of(text)
    if damage is not None and damage.reason != Reason.CUT_OFF:
        return f"It {damage.predicate}. Send it {damage.remedy}."
    parts = text.split(".")
    if len(parts) != 3:
        return f"A JWT has three parts separated by dots. This one has {len(parts)}."
    if not _COMPACT.fullmatch(text):
        return "One of its three parts is empty or has characters that base64url doesn’t use."
    return _content_problem(parts)


def _content_problem(parts: list[str]) -> str:
    try:
        header, payload = (json.loads(_decoded(part).decode()) for part in parts[:2])
    except (ValueError, RecursionError):
        return "Its header or its claims aren’t readable. It may be incomplete or changed."
    if not isinstance(header, dict) or not isinstance(payload, dict):
        return "Its header or its claims aren’t a JSON object."
    algorithm = ALGORITHMS.get(str(header.get("alg")))
    if algorithm is None:
        return f"It isn’t signed with {' or '.join(ALGORITHMS)}, unlike our JWTs."
    if len(parts[2]) != algorithm.signature_length:
        return (
            f"Its signature has {len(parts[2])} characters instead of "
            f"{algorithm.signature_length}. It may be incomplete."
        )
    return ""


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def verify(token: str, *, jwk: Jwk, token_type: str) -> Claims:
    """The claims of a token that this key signed for this use. It checks no times."""
    return verify_parsed(parse_token(token), jwk=jwk, token_type=token_type)


def verify_parsed(parsed: ParsedToken, *, jwk: Jwk, token_type: str) -> Claims:
    """The same for a parsed token. Raises `InvalidToken`."""
    algorithm = ALGORITHMS.get(jwk.get("alg", ""))
    if algorithm is None or not jwk.items() >= algorithm.kind_of_key:
        raise InvalidToken("another kind of key")
    if parsed.algorithm != algorithm.name:
        raise InvalidToken("another algorithm than that of the key")
    key = (jwk["x"], jwk["y"])
    if not _seen.is_verified(parsed, key):
        _verify_signature(parsed, algorithm, key)
        _seen.add(parsed, key)
    if parsed.token_type != token_type or parsed.claims is None:
        raise InvalidToken("wrong type")
    return parsed.claims


def _verify_signature(parsed: ParsedToken, algorithm: Algorithm, key: tuple[str, str]) -> None:
    raw, size = parsed.signature, algorithm.number_bytes
    if len(raw) != 2 * size:
        raise InvalidToken(f"no {algorithm.name} signature")
    der = encode_dss_signature(int.from_bytes(raw[:size]), int.from_bytes(raw[size:]))
    try:
        _public_key(algorithm.crv, *key).verify(der, parsed.message, algorithm.ecdsa)
    except (InvalidKeyError, ValueError) as error:
        raise InvalidToken("no key on the curve") from error
    except InvalidSignature as error:
        raise InvalidToken("bad signature") from error


def forget_key(jwk: Jwk) -> None:
    _seen.forget((jwk["x"], jwk["y"]))
