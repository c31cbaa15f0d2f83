"""Recovery codes: random words that we show once. We store only a digest of each.

A code has 140 random bits, so SHA-256 protects it as well as a password hasher does. Codes from
before are derived from a sealed seed, and work until the person generates new ones.
"""

from allauth.mfa.models import Authenticator

from core import raw_secrets

COUNT = 10
DIGESTS = "digests"


def generate() -> list[str]:
    return [raw_secrets.generate_word(groups=7) for _ in range(COUNT)]


def digest(code: str) -> str:
    """Of a code as people type it, with or without the hyphens."""
    return raw_secrets.digest("".join(filter(str.isalnum, code.lower())))


def codes_left(factor: Authenticator) -> int:
    if DIGESTS in factor.data:
        return len(factor.data[DIGESTS])
    return COUNT - int(factor.data["used_mask"]).bit_count()
