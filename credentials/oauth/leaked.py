"""JWT credentials that someone found and reported."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, RawPostDataException
from django.utils import timezone

from accounts.environments import Environment
from core import leaks
from core.media_types import require_readable
from credentials.models import JwtCredential
from credentials.oauth.assertions import genuine_credential
from credentials.oauth.errors import OAuthError

# Scanners send several JWTs in one report. This is the most that we look at.
MAX_REPORTED = 50


def reported_jwts(request: HttpRequest) -> list[str]:
    """The JWTs in `token` of a form, of a JSON object, or of each object in a JSON list.

    A body that can't be read has none. Only the text decides what looks like one.
    """
    try:
        if request.content_type == "application/json":
            require_readable(request)
            texts = _tokens(json.loads(request.body.decode()))
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
    """The valid credentials of these environments among the JWTs."""
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
    # A forged JWT costs the same queries, so that the time of an answer doesn't tell them apart.
    # Only a revocation takes longer, and it happens once.
    try:
        return genuine_credential(jwt, environment)
    except OAuthError:
        JwtCredential.objects.presented(uuid4())
        return None
