"""Sending the Create JWT form."""

from typing import Any

from django.test import Client as Browser

from accounts.models import Membership
from credentials.models import JwtCredential
from tests.credentials.pages import (
    errors_of,
    submission,
    url,
)


def create(browser: Browser, through: Membership | None = None, **changed: Any) -> Any:
    return browser.post(url("create", through=through), submission(**changed))


def created(response: Any, through: Membership | None = None) -> JwtCredential:
    """The credential of a successful submit, which leads to its created page."""
    assert response.status_code == 302, errors_of(response)
    credential = JwtCredential.objects.get()
    assert response["Location"] == url("created", credential, through)
    return credential
