"""Counts failed sign-ins, so that people learn about them when they sign in.

Not before: an email at the fifth wrong password would take time, which tells a stranger that the
address has an account.
"""

from django.core.cache import cache

from core import raw_secrets

REMEMBERED_SECONDS = 30 * 24 * 60 * 60


def count_failure(email: str) -> None:
    key = _key(email)
    cache.set(key, (cache.get(key) or 0) + 1, REMEMBERED_SECONDS)


def take_failures(email: str) -> int:
    key = _key(email)
    count = int(cache.get(key) or 0)
    if count:
        cache.delete(key)
    return count


def _key(email: str) -> str:
    return f"failed-sign-ins:{raw_secrets.digest(email.lower())}"
