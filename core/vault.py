"""Encrypts secrets that must be read again: private signing keys and second factors.

Fernet encrypts and authenticates them with the first, newest key of `KEY_ENCRYPTION_KEYS`.
"""

from collections.abc import Callable
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """None of `KEY_ENCRYPTION_KEYS` decrypts this."""


def _vault() -> MultiFernet:
    return _vault_of(tuple(settings.KEY_ENCRYPTION_KEYS))


@cache
def _vault_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(secret: bytes) -> str:
    return _vault().encrypt(secret).decode()


def unseal(sealed: str) -> bytes:
    """Raises `Unreadable`."""
    return _opened(_vault().decrypt, sealed)


def is_sealed_with_newest(sealed: str) -> bool:
    newest = Fernet(settings.KEY_ENCRYPTION_KEYS[0])
    try:
        newest.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def reseal(sealed: str) -> str:
    """The same secret, sealed with the newest key. Raises `Unreadable`."""
    return _opened(_vault().rotate, sealed).decode()


def _opened(read: Callable[[bytes], bytes], sealed: str) -> bytes:
    try:
        return read(sealed.encode())
    except InvalidToken as error:
        raise Unreadable("None of KEY_ENCRYPTION_KEYS decrypts a stored secret.") from error
