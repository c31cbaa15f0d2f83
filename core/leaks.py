"""What a secret looks like, so that no label, note or reason keeps one.

docs/how-to/detect-leaks.md gives the same patterns to people who scan for leaked secrets.
"""

import re

from django.core.exceptions import ValidationError

from core.split_jwts import split_jwts

_BASE64URL = "[A-Za-z0-9_-]"


def _in_a_run(jwt: str, *, followed_by: str) -> str:
    """The pattern of a JWT in a run of base64url, with the part of the run `before` it."""
    # A match starts only at the beginning of a run, and only if enough follows, so each run is
    # read once. Otherwise a text of many `eyJ` would be read again for each of them, which could
    # block a process for minutes.
    run = rf"(?<!{_BASE64URL})(?={_BASE64URL}++\.{followed_by})"
    return rf"{run}(?P<before>{_BASE64URL}*?)(?P<jwt>eyJ{jwt})"


# Three parts of base64url of which the first begins a JSON object, or two if the JWT was cut.
_JWT = _in_a_run(
    rf"{_BASE64URL}{{8,}}\.{_BASE64URL}{{8,}}(?:\.{_BASE64URL}*)?", followed_by=_BASE64URL + "{8}"
)
# Our client secrets, refresh tokens and invitations. The checksum isn't verified, because those
# from before it was introduced are secrets too.
_RANDOM = rf"(?<!{_BASE64URL})(?:cs|rt|inv)_{_BASE64URL}{{40,}}"
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
# The random secrets come first, so that none is taken for the text before a JWT.
_TOKEN = re.compile(f"{_RANDOM}|{_JWT}")
_WHOLE_JWT = re.compile(
    _in_a_run(
        rf"{_BASE64URL}+\.{_BASE64URL}+\.{_BASE64URL}+",
        followed_by=rf"{_BASE64URL}++\.{_BASE64URL}",
    )
)

SECRET_MESSAGE = (
    "This looks like a secret: a JWT, a client secret, a refresh token, or a private key. We "
    "didn’t save it, because anyone who can read this text could use it. Remove the secret."
)


def holds_secret(text: str) -> bool:
    return any(secret.search(text) for secret in (_PRIVATE_KEY, _TOKEN))


def without_secrets(text: str) -> str:
    return _TOKEN.sub(lambda found: found["before"] or "", _PRIVATE_KEY.sub("", text))


def refuse_secrets(**texts: str) -> None:
    """Raises `ValidationError` by field for texts that hold a secret, without repeating it."""
    refused = {name: [SECRET_MESSAGE] for name, text in texts.items() if holds_secret(text)}
    if refused:
        raise ValidationError(refused)


def jwts_in(text: str) -> list[str]:
    """Everything that looks like a complete JWT, also in pieces, each once."""
    whole = (found["jwt"] for found in _WHOLE_JWT.finditer(text))
    return list(dict.fromkeys([*whole, *split_jwts(text)]))
