"""JWT credentials that somebody found, and what of them is genuine."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, RawPostDataException

from accounts import leaks
from accounts.environments import Environment
from credentials.models import JwtCredential
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants.jwt_bearer import genuine_credential

# One report names so many at most; scanners send what they found in batches.
MAX_REPORTED = 50


def reported_jwts(request: HttpRequest) -> list[str]:
    """What a report presents: `token` of a form, or of a JSON object or of each in a list.

    Whatever can't be read presents nothing.
    """
    try:
        if request.content_type == "application/json":
            texts = _tokens(json.loads(request.body))
        else:
            texts = request.POST.getlist("token")
    except (
        BadRequest, RawPostDataException, RecursionError, RequestDataTooBig, TooManyFieldsSent,
        ValueError,
    ):  # fmt: skip
        return []
    return leaks.jwts_in("\n".join(texts))


def _tokens(body: Any) -> list[str]:
    entries = body if isinstance(body, list) else [body]
    found = [entry.get("token") for entry in entries if isinstance(entry, dict)]
    return [token for token in found if isinstance(token, str)]


def genuine_credentials(
    jwts: Iterable[str], environments: Iterable[Environment]
) -> list[JwtCredential]:
    """The credentials of these environments that the JWTs are, revoked or not."""
    homes = list(environments)
    return [
        credential
        for jwt in list(jwts)[:MAX_REPORTED]
        for environment in homes
        if (credential := _genuine(jwt, environment)) is not None
    ]


def _genuine(jwt: str, environment: Environment) -> JwtCredential | None:
    try:
        return genuine_credential(jwt, environment)
    except OAuthError:
        return None
