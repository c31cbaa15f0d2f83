"""Random secrets: made here, kept only as digests. Pure.

They have 256 random bits, so a plain SHA-256 is as good at rest as a password hasher and
thousands of times cheaper to check.
"""

import hashlib
import hmac
import secrets


def generate(prefix: str) -> str:
    """A new secret of `[A-Za-z0-9_-]` only, behind a prefix that scanners can find."""
    return prefix + secrets.token_urlsafe(32)


def digest(raw_secret: str) -> str:
    return hashlib.sha256(raw_secret.encode()).hexdigest()


def matches(raw_secret: str, stored_digest: str) -> bool:
    return hmac.compare_digest(digest(raw_secret), stored_digest)
