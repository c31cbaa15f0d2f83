"""Failures of libraries that verify JWTs, against our own verification."""

import base64
import hashlib
import hmac
import json
import time
import zlib
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import der_to_raw_signature

from accounts.environments import Environment
from credentials import jose
from credentials.oauth.assertions import verified_credential
from credentials.oauth.errors import InvalidGrant
from credentials.oauth.lookup import Lookup

KEY = jose.generate_private_key()
JWK = jose.public_jwk(KEY)
OTHER_KEY = jose.generate_private_key()
CLAIMS = {"iss": "http://localhost:8000/sandbox", "sub": "1", "exp": 4102358400}
HEADER = {"alg": "ES256", "kid": JWK["kid"], "typ": "JWT"}
# The public key in every form in which a library could mistake it for a shared secret.
PUBLIC_FORMS = [
    KEY.public_key().public_bytes(encoding, form)
    for encoding, form in (
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.OpenSSH, PublicFormat.OpenSSH),
        (Encoding.X962, PublicFormat.UncompressedPoint),
        (Encoding.X962, PublicFormat.CompressedPoint),
    )
] + [json.dumps(JWK).encode(), JWK["x"].encode()]


def b64(part: bytes | dict[str, Any]) -> str:
    raw = json.dumps(part).encode() if isinstance(part, dict) else part
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_mac(secret: bytes, **header: Any) -> str:
    message = f"{b64(HEADER | {'alg': 'HS256'} | header)}.{b64(CLAIMS)}"
    return f"{message}.{b64(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def signed(
    claims: dict[str, Any] | bytes = CLAIMS,
    key: ec.EllipticCurvePrivateKey = KEY,
    **header: Any,
) -> str:
    """A JWT with a genuine signature, and a header and claims of the test's choice."""
    message = f"{b64(HEADER | header)}.{b64(claims)}"
    der = key.sign(message.encode(), jose.ES256.ecdsa)
    return f"{message}.{b64(der_to_raw_signature(der, key.curve))}"


def accepted(*tokens: str, jwk: jose.Jwk = JWK) -> list[str]:
    """Those that verify. First, one that must: otherwise the others would prove nothing."""
    assert jose.verify(signed(), jwk=JWK, token_type="JWT") == CLAIMS
    return [token for token in tokens if _verifies(token, jwk)]


def _verifies(token: str, jwk: jose.Jwk) -> bool:
    try:
        jose.verify(token, jwk=jwk, token_type="JWT")
    except jose.InvalidToken:
        return False
    return True


# --- The algorithm --------------------------------------------------------------------------------


def test_pyjwt_cve_2022_29217() -> None:
    """PyJWT took a public key in OpenSSH's form for the secret of an HMAC."""
    assert accepted(*map(with_mac, PUBLIC_FORMS)) == []


def test_python_jose_cve_2024_33663() -> None:
    """python-jose did the same with ECDSA keys in OpenSSH's form, and with other forms."""
    algorithms = ("HS256", "HS384", "HS512", "hs256", "ES256 ")
    tokens = [with_mac(form, alg=name) for form in PUBLIC_FORMS for name in algorithms]
    assert accepted(*tokens) == []


def test_authlib_cve_2024_37568() -> None:
    """Authlib verified an HMAC with any public key unless the caller named an algorithm."""
    message = f"{b64(HEADER)}.{b64(CLAIMS)}".encode()
    macs = [hmac.new(form, message, hashlib.sha256).digest() for form in PUBLIC_FORMS]
    assert accepted(*(f"{message.decode()}.{b64(mac)}" for mac in macs)) == []


def test_authlib_cve_2026_114615() -> None:
    """Authlib recognized public keys by how they begin, so text before a key hid it."""
    forms = [prefix + form for form in PUBLIC_FORMS for prefix in (b"\n", b" ", b"# key\n", b"\0")]
    assert accepted(*map(with_mac, forms)) == []


def test_authlib_cve_2026_114616() -> None:
    """Authlib accepted an empty secret, so anyone could make the HMAC."""
    assert accepted(with_mac(b""), with_mac(b"", kid=""), with_mac(b"\0" * 64)) == []


def test_authlib_cve_2026_28802() -> None:
    """Authlib accepted the algorithm “none” with an empty signature."""
    names = ("none", "None", "NONE", "nOnE", "", None)
    headers: list[dict[str, Any]] = [{"typ": "JWT"}, *({**HEADER, "alg": name} for name in names)]
    for header in headers:
        message = f"{b64(header)}.{b64(CLAIMS)}"
        signature = signed().rpartition(".")[2]
        assert accepted(message, f"{message}.", f"{message}.{signature}") == []


# --- The key --------------------------------------------------------------------------------------


def test_authlib_cve_2026_27962() -> None:
    """Authlib verified a token with the key that the token itself brought in its header."""
    jwk = jose.public_jwk(OTHER_KEY)
    certificate = b64(
        OTHER_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    tokens = [
        signed(key=OTHER_KEY, jwk=jwk),
        signed(key=OTHER_KEY, jwk=jwk, kid=jwk["kid"]),
        signed(key=OTHER_KEY, jku="https://evil.example/jwks"),
        signed(key=OTHER_KEY, x5c=[certificate], x5u="https://evil.example/x"),
    ]
    assert accepted(*tokens) == []


def test_oathkeeper_cve_2026_33496() -> None:
    """Oathkeeper remembered a verified token without remembering who had verified it."""
    token = signed()
    assert accepted(token) == [token]
    assert accepted(token, jwk=jose.public_jwk(OTHER_KEY)) == []
    with pytest.raises(jose.InvalidToken):
        jose.verify(token, jwk=JWK, token_type="at+jwt")


# --- The signature --------------------------------------------------------------------------------


def test_erlang_jose_cve_2026_65632() -> None:
    """jose for Erlang didn't check how long an ECDSA signature is, so each had many spellings."""
    message, _dot, signature = signed().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], raw[32:]
    others = [
        raw + b"\0",
        b"\0" + raw,
        b"\0" + r + b"\0" + s,
        r.lstrip(b"\0") + s[:31],
        b"",
        raw * 2,
    ]
    assert accepted(*(f"{message}.{b64(other)}" for other in others)) == []


def test_authlib_cve_2026_96760() -> None:
    """Authlib returned the payload of a JSON serialization that had no signature at all."""
    header, payload, signature = signed().split(".")
    whole = {"protected": header, "payload": payload, "signature": signature}
    for body in (
        {"payload": payload},
        {"payload": payload, "signatures": []},
        {"protected": header, "payload": payload},
        whole,
        {"payload": payload, "signatures": [{"protected": header, "signature": signature}]},
    ):
        assert accepted(json.dumps(body), b64(body)) == []


# --- The header -----------------------------------------------------------------------------------


def test_pyjwt_cve_2026_32597() -> None:
    """PyJWT ignored extensions that a token declared critical and that it didn't understand."""
    assert accepted(signed(crit=["x5t"], x5t="x"), signed(crit=["b64"])) == []


def test_authlib_cve_2025_59420() -> None:
    """Authlib accepted unknown critical extensions, such as a binding to a key."""
    tokens = [
        signed(crit=["cnf"], cnf={"jkt": "x"}),
        signed(crit=["bork"], bork=1),
        signed(crit=[]),
        signed(crit="exp"),
        signed(b64=False),
    ]
    assert accepted(*tokens) == []


# --- What a token costs ---------------------------------------------------------------------------


def test_authlib_cve_2025_61920(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib decoded headers and signatures of hundreds of megabytes before it refused them."""
    header, payload, signature = signed().split(".")
    monkeypatch.setattr(jose, "_decoded", None)
    monkeypatch.setattr(hashlib, "sha256", None)
    padding = "A" * 1_000_000
    for token in (
        f"{header}{padding}.{payload}.{signature}",
        f"{header}.{payload}{padding}.{signature}",
        f"{header}.{payload}.{signature}{padding}",
    ):
        with pytest.raises(jose.InvalidToken, match="too long"):
            jose.parse_token(token)


def test_authlib_cve_2025_62706() -> None:
    """Authlib inflated a compressed token without a limit."""
    bomb = zlib.compress(b"{" + b" " * 1_000_000 + b"}", 9)[:6000]
    assert accepted(f"{b64(HEADER | {'zip': 'DEF'})}.{b64(bomb[:4000])}.{b64(bytes(64))}") == []
    assert accepted(signed(zlib.compress(json.dumps(CLAIMS).encode()), zip="DEF")) == []


def _encrypted(**header: Any) -> str:
    return ".".join([b64(header), "", b64(bytes(12)), b64(bytes(64)), b64(bytes(16))])


def test_python_jose_cve_2024_33664() -> None:
    """python-jose inflated an encrypted token that was small only while it was compressed."""
    assert accepted(_encrypted(alg="dir", enc="A256GCM", zip="DEF")) == []


def test_jose_ghsa_hhhv_q57g_882q() -> None:
    """jose for Node.js inflated encrypted tokens far beyond the limits of the application."""
    assert accepted(_encrypted(alg="ECDH-ES", enc="A128GCM", zip="DEF", epk=dict(JWK))) == []


def _refused_at_once(token: str) -> None:
    begun = time.process_time()
    assert not _verifies(token, JWK)
    assert time.process_time() - begun < 0.2


def test_jose_ghsa_jv3g_j58f_9mq9() -> None:
    """jose for Node.js derived a key in as many rounds as the token demanded."""
    _refused_at_once(_encrypted(alg="PBES2-HS256+A128KW", enc="A128GCM", p2c=2**31, p2s="AAAA"))


def test_jwcrypto_cve_2023_6681() -> None:
    """JWCrypto had no limit for the rounds of a password-based key either."""
    _refused_at_once(signed(alg="PBES2-HS512+A256KW", p2c=10**12, p2s="AAAA"))


# --- The claims -----------------------------------------------------------------------------------


def named(issuer: object) -> bool:
    """Whether a genuine sandbox credential with this issuer is accepted."""
    base_url = issuer if isinstance(issuer, str) else "http://localhost:8000/sandbox"
    claims = CLAIMS | {"iss": issuer, "aud": f"{base_url}/restapi/oauth/token"}
    token = jose.parse_token(signed(claims))
    key = SimpleNamespace(
        kid=JWK["kid"],
        purpose="credential",
        environment="sandbox",
        public_jwk=JWK,
        distrusted_at=None,
    )
    row = SimpleNamespace(claims=token.claims)
    lookup = cast(Lookup, SimpleNamespace(key=key, credential=row))
    try:
        return verified_credential(token, Environment.SANDBOX, lookup) is cast(Any, row)
    except InvalidGrant:
        return False


def test_pyjwt_cve_2024_53861() -> None:
    """PyJWT accepted an issuer that was only a part of the expected one."""
    base_url = "http://localhost:8000/sandbox"
    assert named(base_url)
    parts = [
        base_url[:-1],
        base_url[1:],
        "http://localhost:8000",
        "sandbox",
        "/",
        "",
        base_url + "/",
    ]
    assert [part for part in parts if named(part)] == []


def test_joserfc_cve_2026_75509() -> None:
    """joserfc accepted a list of issuers if the expected one was among them."""
    base_url = "http://localhost:8000/sandbox"
    lists: list[object] = [[base_url], [base_url, "https://evil.example"], [[base_url]], []]
    assert [issuer for issuer in lists if named(issuer)] == []


def test_keycloak_cve_2026_11800() -> None:
    """Keycloak's JWT grant let the assertion choose the algorithm, and so skip its signature."""
    for algorithm in ("HS256", "none", "ES384", "RS256", "EdDSA", "es256"):
        parsed = jose.parsed_or_none(with_mac(JWK["x"].encode(), alg=algorithm))
        with pytest.raises(InvalidGrant):
            verified_credential(parsed, Environment.SANDBOX, None)
