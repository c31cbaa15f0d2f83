"""Encrypts secrets that must be read again: private signing keys and second factors.

AES-256-GCM (NIST SP 800-38D) encrypts and authenticates them, under a key derived from the first,
newest one of `KEY_ENCRYPTION_KEYS`. A sealed value is `g1.` and the base64url of nonce, ciphertext
and tag. Earlier versions sealed with Fernet; such values stay readable until they are resealed.
"""

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Authenticated too, so that no value passes for one of another version.
_PREFIX = "g1."
_NONCE_BYTES = 12


class Unreadable(Exception):
    """None of `KEY_ENCRYPTION_KEYS` decrypts this."""


def seal(secret: bytes) -> str:
    # Random nonces are safe for 2**32 values under one key, and an installation seals thousands.
    nonce = os.urandom(_NONCE_BYTES)
    cipher = _cipher(settings.KEY_ENCRYPTION_KEYS[0])
    sealed = nonce + cipher.encrypt(nonce, secret, _PREFIX.encode())
    return _PREFIX + base64.urlsafe_b64encode(sealed).decode()


def unseal(sealed: str) -> bytes:
    """Raises `Unreadable`."""
    for key in settings.KEY_ENCRYPTION_KEYS:
        secret = _opened(sealed, key)
        if secret is not None:
            return secret
    raise Unreadable("None of KEY_ENCRYPTION_KEYS decrypts a stored secret.")


def is_sealed_with_newest(sealed: str) -> bool:
    """Also in today's format."""
    is_current = sealed.startswith(_PREFIX)
    return is_current and _opened(sealed, settings.KEY_ENCRYPTION_KEYS[0]) is not None


def reseal(sealed: str) -> str:
    """The same secret, sealed with the newest key. Raises `Unreadable`."""
    return seal(unseal(sealed))


def _opened(sealed: str, key: str) -> bytes | None:
    read = _read if sealed.startswith(_PREFIX) else _read_fernet
    return read(sealed, key)


def _read(sealed: str, key: str) -> bytes | None:
    try:
        content = base64.urlsafe_b64decode(sealed.removeprefix(_PREFIX))
        nonce, ciphertext = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        return _cipher(key).decrypt(nonce, ciphertext, _PREFIX.encode())
    except (ValueError, InvalidTag):
        return None


def _read_fernet(sealed: str, key: str) -> bytes | None:
    try:
        return Fernet(key).decrypt(sealed.encode())
    except InvalidToken:
        return None


@cache
def _cipher(key: str) -> AESGCM:
    # The same keys were, or still are, keys of Fernet: each use has a key of its own.
    derived = HKDF(SHA256(), length=32, salt=None, info=b"console vault AES-256-GCM")
    return AESGCM(derived.derive(base64.urlsafe_b64decode(key)))
