"""A key in software: answers as a security key or a device with a passkey does (WebAuthn §6)."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.urls import reverse
from fido2 import cbor
from fido2.utils import websafe_encode

from accounts.models import User

ADD = "mfa_add_webauthn"
SIGN_IN = "mfa_login_webauthn"
SECOND_FACTOR = "mfa_authenticate"
STEP_UP = "mfa_reauthenticate_webauthn"
USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class SoftwareKey:
    """`verifies` says whether it asks for a fingerprint or PIN, or only for a touch."""

    verifies: bool
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def made(self, options: Mapping[str, Any], *, public: Mapping[int, Any] | None = None) -> str:
        """The answer to a registration; `public` is the key in it, and none if that is empty."""
        if public is None:
            public = _public(self.private)
        length = len(self.credential_id).to_bytes(2, "big")
        made = bytes(16) + length + self.credential_id + cbor.encode(dict(public))
        data = self._data(options["rp"]["id"], HAS_CREDENTIAL) + made
        if not public:
            data = self._data(options["rp"]["id"])
        return self._answer(
            _client_data("webauthn.create", options["challenge"]),
            attestationObject=cbor.encode({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def signed(self, options: Mapping[str, Any], user: User) -> str:
        """The answer to any other ceremony."""
        client_data = _client_data("webauthn.get", options["challenge"])
        data = self._data(options["rpId"])
        message = data + hashlib.sha256(client_data).digest()
        return self._answer(
            client_data,
            authenticatorData=data,
            signature=self.private.sign(message, ec.ECDSA(hashes.SHA256())),
            userHandle=user_pk_to_url_str(user).encode(),
        )

    def _data(self, rp_id: str, flags: int = 0) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4)

    def _answer(self, client_data: bytes, **parts: bytes) -> str:
        response = {"clientDataJSON": client_data, **parts}
        return json.dumps(
            {
                "type": "public-key",
                "id": websafe_encode(self.credential_id),
                "rawId": websafe_encode(self.credential_id),
                "response": {name: websafe_encode(part) for name, part in response.items()},
                "clientExtensionResults": {},
            }
        )


def _public(private: ec.EllipticCurvePrivateKey) -> dict[int, Any]:
    """The public key for ECDSA on P-256 (RFC 9053 §2.1)."""
    numbers = private.public_key().public_numbers()
    return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}


def _client_data(kind: str, challenge: str) -> bytes:
    data = {"type": kind, "challenge": challenge, "origin": "http://testserver"}
    return json.dumps(data).encode()


def options_of(browser: Client, ceremony: str) -> Any:
    """What the page of a ceremony asks the key for."""
    response = browser.get(reverse(ceremony), headers={"Accept": "application/json"})
    if ceremony == SIGN_IN:
        return response.json()["request_options"]["publicKey"]
    data = json.loads(json.dumps(response.context["js_data"], default=dict))
    return data["creation_options" if ceremony == ADD else "request_options"]["publicKey"]


def add(browser: Client, key: SoftwareKey, *, passkey: bool) -> Any:
    """Add the key on the page of someone who has just confirmed it's them."""
    data = {"name": "Key", "credential": key.made(options_of(browser, ADD))}
    return browser.post(reverse(ADD), data | ({"passwordless": "on"} if passkey else {}))
