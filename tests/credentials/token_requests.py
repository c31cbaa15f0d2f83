"""Requests to the token endpoint, and the errors that it answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import Membership
from credentials.models import JwtCredential
from tests.api import FORM, App, oauth_error

NOT_A_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-101",
    "The assertion is not a valid JWT credential of this authorization server. Copy the "
    "whole JWT again.",
)
REVOKED = oauth_error(
    "invalid_grant", "JWT-102", "This credential has been revoked. Use another credential."
)
EXPIRED = oauth_error(
    "invalid_grant", "JWT-103", "This credential has expired. Use another credential."
)
A_SANDBOX_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-104",
    "This is a sandbox credential. Use it with the sandbox base URL.",
)
A_PRODUCTION_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-104",
    "This is a production credential. Use it with the production base URL.",
)
NOT_PERMITTED = oauth_error(
    "invalid_grant",
    "JWT-105",
    "This app is not allowed to use this credential. Ask the credential's owner to add the "
    "app's client ID to it.",
)
OWNER_MAY_NOT = oauth_error(
    "invalid_grant",
    "JWT-106",
    "The owner of this credential can't authenticate: their account is inactive, their "
    "console role does not allow it, or they have no enabled account in this environment. An "
    "account administrator can fix this. If the organization is suspended, only the operator can.",
)
NO_CLIENT = oauth_error(
    "invalid_client",
    "OAU-123",
    "Client authentication is missing or malformed. Send the client ID and the client secret "
    "with HTTP Basic, or both in the body.",
)
WRONG_CLIENT = oauth_error(
    "invalid_client",
    "OAU-146",
    "Client authentication failed: the client ID is unknown, suspended or belongs to the "
    "other environment, or the client secret is wrong. Check both against the app's page.",
)
NO_JWT_FLOW = oauth_error(
    "unauthorized_client",
    "OAU-251",
    "This app does not use the JWT auth flow. Turn the flow on in the app's settings.",
)
CHALLENGE = 'Basic realm="Auth API", charset="UTF-8"'


def invalid_request(message: str) -> dict[str, Any]:
    return oauth_error("invalid_request", "CMN-101", message)


def not_granted(scopes: str) -> str:
    return (
        f"The app does not have these scopes: {scopes}. Add them in the app's settings, or request "
        "fewer."
    )


IN_THE_QUERY = invalid_request("Query strings end up in logs. Send the parameters in the body.")
NOT_A_FORM = invalid_request(f"The body is not a form. Send the parameters as {FORM}.")
REPEATED = oauth_error(
    "invalid_request", "OAU-111", "A parameter is repeated. Send each parameter once."
)


@dataclass(frozen=True)
class World:
    """Luke's private app and a public and a private one of the partners, all in the sandbox."""

    luke: Membership
    app: App
    public: App
    private: App
    for_all: JwtCredential
    """Luke's credential for all apps of his organization."""
    for_some: JwtCredential
    """Luke's credential for his own app and the partners' public one."""

    @property
    def jwt(self) -> str:
        return self.for_all.encode()


def with_hint(body: dict[str, Any], hint: str) -> dict[str, Any]:
    """The same error, with a sentence about the text that was sent."""
    return body | {"error_description": f"{body['error_description']} {hint}"} if hint else body


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back, so that one world serves many rows of a table."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_refused(response: Any, status: int, body: dict[str, Any]) -> None:
    assert (response.status_code, response.json()) == (status, body)
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"
    assert response.get("WWW-Authenticate") == (CHALLENGE if status == 401 else None)
    assert response.get("Allow") == ("POST" if status == 405 else None)
