"""An app of Luke with its client, and what the pages about them show."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from accounts.environments import Environment
from credentials.models import Application, Client
from tests.credentials.pages import text_of

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
RAW_SECRET = re.compile(r"cs_[A-Za-z0-9_-]{49}")


@dataclass(frozen=True)
class Fleet:
    """Luke's app with a sandbox client, and the raw secret of that client."""

    application: Application
    client: Client
    raw_secret: str


def url(name: str, application: Application, environment: Environment | None = None) -> str:
    arguments: list[object] = [application.pk]
    return reverse(f"credentials:{name}", args=arguments + ([environment] if environment else []))


def settings(**changed: Any) -> dict[str, Any]:
    return {
        "name": "X-wing Dialer",
        "description": "Dials from the cockpit.",
        "is_public": "private",
        "uses_jwt_flow": "on",
        "issues_refresh_tokens": "no",
        "scopes": ["EditAccounts"],
        **changed,
    }


def submission(**changed: Any) -> dict[str, Any]:
    return settings(submission_key=str(uuid.uuid4()), **changed)


def secret_of(response: Any) -> str:
    """The raw secret of a page that shows one."""
    assert response.status_code == 200
    found = set(RAW_SECRET.findall(text_of(response)))
    assert len(found) == 1
    return str(found.pop())
