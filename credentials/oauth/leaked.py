"""JWT credentials that somebody found, and what of them is genuine."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, RawPostDataException
from django.utils import timezone

from accounts.environments import Environment
from core import leaks
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
    """The credentials of these environments that the JWTs are, and that have not ended yet."""
    homes, now = list(environments), timezone.now()
    found = [
        _genuine(jwt, environment) for jwt in list(jwts)[:MAX_REPORTED] for environment in homes
    ]
    return [
        credential
        for credential in found
        if credential is not None and not (credential.is_ended(now) or credential.is_expired(now))
    ]


def _genuine(jwt: str, environment: Environment) -> JwtCredential | None:
    """What is not genuine costs the same look-ups: the time of an answer says no more than it does.

    Only the revocation itself takes longer, once, and whoever sees that has ended the credential.
    """
    try:
        return genuine_credential(jwt, environment)
    except OAuthError:
        JwtCredential.objects.presented(uuid4())
        return None
