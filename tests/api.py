"""Helpers that call the Auth API and the REST API as a program does."""

import base64
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Program
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from credentials import jose
from credentials.actions.signing_keys import current_signing_key
from credentials.models import Application, Client, JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import cast

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class App:
    """An application with its client in one environment, and that client's secret."""

    application: Application
    client: Client
    secret: str = field(repr=False)

    @property
    def client_id(self) -> str:
        return self.client.client_id

    @property
    def authorization(self) -> str:
        return basic(self.client_id, self.secret)


def app(owner: Membership, *, environment: Environment = SANDBOX, **settings: Any) -> App:
    application = cast.application(owner, **settings)
    return App(application, *cast.client(application, environment))


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@functools.cache
def program() -> Program:
    """An HTTP client without cookies. CSRF protection would stop it if it applied."""
    return Program(enforce_csrf_checks=True)


def token_path(environment: Environment = SANDBOX) -> str:
    return f"/{environment}/restapi/oauth/token"


def post(
    data: dict[str, str] | list[tuple[str, str]] | bytes,
    authorization: str | None = None,
    *,
    environment: Environment = SANDBOX,
    content_type: str = FORM,
    query: str = "",
    **extra: Any,
) -> Any:
    """Send a raw request to the token endpoint."""
    body = data if isinstance(data, bytes) else urlencode(data).encode()
    if authorization is not None:
        extra["HTTP_AUTHORIZATION"] = authorization
    path = token_path(environment) + query
    return program().generic("POST", path, body, CONTENT_TYPE=content_type, **extra)


def exchange(app: App, jwt: str, *, environment: Environment = SANDBOX, **parameters: str) -> Any:
    data = {"grant_type": GRANT_TYPE, "assertion": jwt, **parameters}
    return post(data, app.authorization, environment=environment)


def access_token(
    app: App, credential: JwtCredential, *, environment: Environment = SANDBOX, **parameters: str
) -> str:
    response = exchange(app, credential.encode(), environment=environment, **parameters)
    assert response.status_code == 200, response.content
    return str(response.json()["access_token"])


def call(
    method: str,
    path: str,
    token: str | None = None,
    body: Any = None,
    *,
    environment: Environment = SANDBOX,
    **extra: Any,
) -> Any:
    """Call the REST API; `path` is below `/restapi/v1.0`."""
    if token is not None:
        extra["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return program().generic(
        method,
        f"/{environment}/restapi/v1.0{path}",
        body if isinstance(body, bytes) else json_bytes(body),
        CONTENT_TYPE="application/json",
        **extra,
    )


def json_bytes(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def oauth_error(error: str, code: str, message: str, hint: str = "") -> dict[str, Any]:
    """The complete body of an Auth API error. The hint says how what was sent is damaged."""
    return {
        "error": error,
        "error_description": f"{message} {hint}".strip(),
        "error_uri": f"http://localhost:8000/docs/errors#{code}",
        "errors": [{"errorCode": code, "message": message}],
    }


def rest_error(code: str, message: str, **names: str) -> dict[str, Any]:
    """The complete body of a REST API error."""
    entry = {"errorCode": code, "message": message, **names}
    return {"errorCode": code, "message": message, "errors": [entry]}


def signed(
    claims: Mapping[str, Any],
    *,
    environment: Environment = SANDBOX,
    purpose: KeyPurpose = KeyPurpose.CREDENTIAL,
    token_type: str = jose.CREDENTIAL_TYPE,
) -> str:
    """Sign any claims with one of our own keys, as only this server can."""
    key = current_signing_key(environment, purpose)
    return jose.sign(
        claims,
        sealed_private_key=key.sealed_private_key,
        kid=key.kid,
        token_type=token_type,
    )


def long_ago() -> datetime:
    return timezone.now() - timedelta(days=90)
