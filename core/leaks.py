"""What a secret looks like, so that no label, note or reason keeps one. Pure.

docs/how-to/detect-leaks.md gives the same patterns to whoever looks for leaked secrets.
"""

import re

from django.core.exceptions import ValidationError

_BASE64URL = "[A-Za-z0-9_-]"


def _in_a_run(jwt: str, *, followed_by: str) -> str:
    """The pattern of a JWT anywhere in its first run of base64url, with what is `before` it there.

    A run is looked at from its beginning, and only if enough follows, so it is read once. Else a
    text of nothing but `eyJ` would be read again for each, and hold a process up for minutes.
    """
    run = rf"(?<!{_BASE64URL})(?={_BASE64URL}++\.{followed_by})"
    return rf"{run}(?P<before>{_BASE64URL}*?)(?P<jwt>eyJ{jwt})"


# Three parts of base64url, the first of which begins a JSON object; two of them, if it was cut.
_JWT = _in_a_run(
    rf"{_BASE64URL}{{8,}}\.{_BASE64URL}{{8,}}(?:\.{_BASE64URL}*)?", followed_by=_BASE64URL + "{8}"
)
# Client secrets, refresh tokens and invitations of ours; the checksum is not asked for, because
# those made before there was one are secrets too.
_RANDOM = rf"(?<!{_BASE64URL})(?:cs|rt|inv)_{_BASE64URL}{{40,}}"
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
# In this order: what is a secret from its beginning on is not what stands before a JWT.
_TOKEN = re.compile(f"{_RANDOM}|{_JWT}")
_WHOLE_JWT = re.compile(
    _in_a_run(
        rf"{_BASE64URL}+\.{_BASE64URL}+\.{_BASE64URL}+",
        followed_by=rf"{_BASE64URL}++\.{_BASE64URL}",
    )
)

MESSAGE = (
    "This looks like a secret: a JWT, a client secret, a refresh token or a private key. "
    "It was not saved. Everyone who reads this text could use it, so write it without."
)


def holds_secret(text: str) -> bool:
    return any(secret.search(text) for secret in (_PRIVATE_KEY, _TOKEN))


def without_secrets(text: str) -> str:
    """The text with every secret cut out, for a form that is shown again."""
    return _TOKEN.sub(lambda found: found["before"] or "", _PRIVATE_KEY.sub("", text))


def refuse_secrets(**texts: str) -> None:
    """Raises `ValidationError` by field for texts that hold a secret; it does not repeat them."""
    refused = {name: [MESSAGE] for name, text in texts.items() if holds_secret(text)}
    if refused:
        raise ValidationError(refused)


def jwts_in(text: str) -> list[str]:
    """Whatever looks like a whole JWT, in the order of the text, each once."""
    return list(dict.fromkeys(found["jwt"] for found in _WHOLE_JWT.finditer(text)))
