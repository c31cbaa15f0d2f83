"""Random secrets, of which only a digest is stored.

They have 256 random bits, so a plain SHA-256 protects them as well as a password hasher does, and
is thousands of times cheaper to check.
"""

import hashlib
import hmac
import secrets
import string
import zlib

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKSUM_LENGTH = 6  # 62 ** 6 is more than 2 ** 32


def generate(prefix: str) -> str:
    """A new secret of `[A-Za-z0-9_-]`, after a prefix that secret scanners can find."""
    return with_checksum(prefix + secrets.token_urlsafe(32))


def with_checksum(text: str) -> str:
    """The text and its CRC-32 in base62, with which scanners avoid false alarms.

    It protects nothing: an attacker who invents a secret can compute the checksum as well. Secrets
    from before checksums were introduced have none (docs/how-to/detect-leaks.md).
    """
    return text + checksum(text)


def checksum(text: str) -> str:
    """Six digits of base62 (0-9, A-Z, a-z), the most significant first."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def digest(raw_secret: str) -> str:
    return hashlib.sha256(raw_secret.encode()).hexdigest()


def matches(raw_secret: str, stored_digest: str) -> bool:
    return hmac.compare_digest(digest(raw_secret), stored_digest)
