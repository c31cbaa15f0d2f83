"""The floor: a hand-written WSGI app that does only the necessary work of an exchange.

It reads the same tables once, verifies an ES256 signature, checks the conditions, signs with ES256
and writes usage. It has no framework, error codes, limits or history. Don't use it as a server.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

READ = """
SELECT client.id, client.secret_digest, client.status, application.scopes,
       credential.extension_id, credential.revoked_at, credential.superseded_at,
       credential.expires_at > now(), extension.status, person.is_active, membership.role,
       policy.id, application.organization_id = account.organization_id
FROM credentials_client client
JOIN credentials_application application ON application.id = client.application_id
JOIN credentials_jwtcredential credential ON credential.id = %s
JOIN credentials_signingkey key
  ON key.kid = credential.signing_key_id AND key.distrusted_at IS NULL
JOIN accounts_extension extension ON extension.id = credential.extension_id
JOIN accounts_platformaccount account ON account.id = extension.account_id
JOIN accounts_user person ON person.id = extension.user_id
JOIN accounts_membership membership ON membership.user_id = person.id
LEFT JOIN credentials_policy policy
  ON policy.organization_id = account.organization_id AND policy.environment = account.environment
WHERE client.client_id = %s
"""
WRITE = """
INSERT INTO credentials_exchangeusage (credential_id, client_id, day, exchanges, last_at)
VALUES (%s, %s, current_date, 1, now())
ON CONFLICT (credential_id, client_id, day) DO UPDATE
SET exchanges = credentials_exchangeusage.exchanges + 1, last_at = excluded.last_at
"""

SETTINGS = json.loads(os.environ["FLOOR"])
VERIFIES = load_pem_public_key(SETTINGS["credential_public_key"].encode())
SIGNS = load_pem_private_key(SETTINGS["access_token_private_key"].encode(), password=None)
ES256 = ec.ECDSA(SHA256())

Start = Callable[[str, list[tuple[str, str]]], Any]


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


HEADER = encoded(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": SETTINGS["kid"]}).encode())


class Local(threading.local):
    """One connection for each thread. Writing usage doesn't wait for the disk."""

    def __init__(self) -> None:
        self.connection = psycopg.connect(
            os.environ["DATABASE_URL"],
            autocommit=True,
            prepare_threshold=0,
            options="-c synchronous_commit=off",
        )


local = Local()


def verified(jwt: str) -> dict[str, Any]:
    signed, _dot, signature = jwt.rpartition(".")
    raw = decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    assert isinstance(VERIFIES, ec.EllipticCurvePublicKey)  # noqa: S101
    VERIFIES.verify(der, signed.encode(), ES256)
    claims: dict[str, Any] = json.loads(decoded(signed.partition(".")[2]))
    return claims


def signed(claims: dict[str, Any]) -> str:
    message = HEADER + b"." + encoded(json.dumps(claims, separators=(",", ":")).encode())
    assert isinstance(SIGNS, ec.EllipticCurvePrivateKey)  # noqa: S101
    r, s = decode_dss_signature(SIGNS.sign(message, ES256))
    return (message + b"." + encoded(r.to_bytes(32) + s.to_bytes(32))).decode()


def exchange(environ: dict[str, Any]) -> dict[str, Any] | None:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    [jwt] = parse_qs(body)["assertion"]
    client_id, _, secret = (
        base64.b64decode(environ["HTTP_AUTHORIZATION"].partition(" ")[2]).decode().partition(":")
    )
    claims = verified(jwt)
    connection = local.connection
    row = connection.execute(READ, (UUID(claims["jti"]), client_id)).fetchone()
    if row is None:
        return None
    client, digest, status, scopes, extension, revoked, superseded, unexpired = row[:8]
    login, active, role, policy, own = row[8:]
    if not (
        hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), digest)
        and status == "active"
        and str(extension) == claims["sub"]
        and revoked is superseded is policy is None
        and unexpired
        and login == "Enabled"
        and active
        and role.startswith("developer")
        and own
    ):
        return None
    now, session = int(time.time()), str(uuid4())
    scope = " ".join(scopes)
    token = signed(
        {
            "iss": claims["iss"],
            "sub": claims["sub"],
            "aud": SETTINGS["audience"],
            "client_id": client_id,
            "scope": scope,
            "iat": now,
            "exp": now + 3600,
            "jti": secrets.token_urlsafe(16),
            "sid": session,
            "credential_id": claims["jti"],
        }
    )
    connection.execute(WRITE, (UUID(claims["jti"]), client))
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": 3600,
        "scope": scope,
        "owner_id": claims["sub"],
        "endpoint_id": session,
    }


def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    answer = exchange(environ)
    body = json.dumps(answer or {"error": "invalid_grant"}).encode()
    start_response(
        "200 OK" if answer else "400 Bad Request",
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ],
    )
    return [body]
