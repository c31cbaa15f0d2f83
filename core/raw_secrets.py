"""Random secrets, of which only a digest is stored.

They have at least 140 random bits, so a plain SHA-256 protects them as well as a password hasher
does, and is thousands of times cheaper to check.
"""

import hashlib
import hmac
import secrets
import string
import zlib

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
# Without digits that look like letters (RFC 4648, §6, in lower case).
_BASE32 = string.ascii_lowercase + "234567"
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


def generate_word(*, groups: int) -> str:
    """A new secret that people can type: groups of four letters and digits, each of 20 bits."""
    made = ("".join(secrets.choice(_BASE32) for _ in range(4)) for _ in range(groups))
    return "-".join(made)


def digest(raw_secret: str) -> str:
    return hashlib.sha256(raw_secret.encode()).hexdigest()


def matches(raw_secret: str, stored_digest: str) -> bool:
    return hmac.compare_digest(digest(raw_secret), stored_digest)
