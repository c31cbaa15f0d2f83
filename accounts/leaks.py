"""What a secret looks like, so that no label, note or reason keeps one. Pure.

docs/detect-leaks.md gives the same patterns to whoever looks for leaked secrets.
"""

import re

from django.core.exceptions import ValidationError

# Three parts of base64url, the first of which begins a JSON object; two of them, if it was cut.
_JWT = r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"
# Client secrets, refresh tokens and invitations of ours; the checksum is not asked for, because
# those made before there was one are secrets too.
_RANDOM = r"(?<![A-Za-z0-9_-])(?:cs|rt|inv)_[A-Za-z0-9_-]{40,}"
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_SECRET = re.compile(f"{_PRIVATE_KEY}|{_JWT}|{_RANDOM}")
_WHOLE_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

MESSAGE = (
    "This looks like a secret: a JWT, a client secret, a refresh token or a private key. "
    "It was not saved. Everyone who reads this text could use it, so write it without."
)


def holds_secret(text: str) -> bool:
    return _SECRET.search(text) is not None


def without_secrets(text: str) -> str:
    """The text with every secret cut out, for a form that is shown again."""
    return _SECRET.sub("", text)


def refuse_secrets(**texts: str) -> None:
    """Raises `ValidationError` by field for texts that hold a secret; it does not repeat them."""
    refused = {name: [MESSAGE] for name, text in texts.items() if holds_secret(text)}
    if refused:
        raise ValidationError(refused)


def jwts_in(text: str) -> list[str]:
    """Whatever looks like a whole JWT, in the order of the text, each once."""
    return list(dict.fromkeys(_WHOLE_JWT.findall(text)))
