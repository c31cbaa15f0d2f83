"""Compares the answer to every person at every console URL with tests/access_matrix.txt.

The test fails if a URL is missing there. After a deliberate change, run
`UPDATE_ACCESS_MATRIX=1 pytest tests/house/test_access_matrix.py`, and review the difference as
carefully as code.
"""

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.models import Notice, NoticeKind
from accounts.roles import ConsoleRole
from credentials.models import RefreshToken
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.house.urls import every_url

TABLE = Path(__file__).parent.parent / "access_matrix.txt"
HEADING = """\
# What every person gets at every console URL. Luke owns the objects in the URLs; everyone has
# just authenticated again; POST sends nothing. in = sent to sign in; 302 = done, or sent on.
"""
OURS = ("/console", "/account/sessions/", "/invitations/")
PEOPLE = (
    "owner",
    "teammate",
    "dev_admin",
    "acct_admin",
    "auditor",
    "no_access",
    "outsider",
    "anonymous",
)


@pytest.fixture
def arguments(rebels: Rebels, partners: Partners) -> dict[str, object]:
    """A value for each URL argument: objects of Luke and of the organization."""
    application = cast.application(rebels.luke)
    client, _ = cast.client(application)
    credential = cast.credential(rebels.luke)
    token = RefreshToken.objects.create(
        session_id=uuid4(),
        credential=credential,
        client=client,
        lifetime_seconds=60,
        expires_at=timezone.now() + timedelta(days=1),
    )
    request = request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN)
    invitation, _ = invite(
        rebels.organization,
        "new@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    notice = Notice.objects.create(
        user=rebels.luke.user, kind=NoticeKind.REACTIVATED, text="Back", path="/console/"
    )
    session = UserSession.objects.create(
        user=rebels.luke.user, ip="192.0.2.1", session_key="elsewhere", user_agent="tests"
    )
    extension = rebels.luke.user.extensions.order_by("pk").first()
    assert extension is not None
    return {
        "organization_id": rebels.organization.pk,
        "application_id": application.pk,
        "credential_id": credential.pk,
        "environment": Environment.SANDBOX,
        "user_id": rebels.luke.user_id,
        "extension_id": extension.pk,
        "request_id": request.pk,
        "invitation_id": invitation.pk,
        "notice_id": notice.pk,
        "session_id": session.pk,
        "token": "unknown",
        "token_session_id": token.session_id,
    }


def word(response: HttpResponseBase) -> str:
    if response.status_code != 302:
        return str(response.status_code)
    return "in" if response.headers["Location"].startswith(reverse("account_login")) else "302"


def answer(client: Client, method: str, path: str) -> str:
    """The answer to one request, whose changes are rolled back."""
    with transaction.atomic():
        response = client.get(path) if method == "GET" else client.post(path)
        if response.streaming:
            # An export that no one reads would keep others from running.
            assert response.getvalue()
        transaction.set_rollback(True)
    return word(response)


@pytest.fixture
def browsers(rebels: Rebels, partners: Partners, sign_in: SignIn) -> dict[str, Client]:
    people = {
        "owner": rebels.luke,
        "teammate": rebels.lando,
        "dev_admin": rebels.han,
        "acct_admin": rebels.leia,
        "auditor": rebels.c3po,
        "no_access": rebels.wedge,
        "outsider": partners.lobot,
    }
    browsers = {name: sign_in(person) for name, person in people.items()}
    for browser in browsers.values():
        cast.step_up(browser)
    return browsers | {"anonymous": Client()}


def matrix(browsers: dict[str, Client], arguments: dict[str, object]) -> list[str]:
    rows = [f"{'url':<44} {'method':<7}" + "".join(f"{person:<11}" for person in PEOPLE)]
    for url in every_url():
        path = url.path(arguments)
        if not (url.is_ours and path.startswith(OURS)):
            continue
        for method in ("GET", "POST"):
            answers = (answer(browsers[person], method, path) for person in PEOPLE)
            row = "".join(f"{found:<11}" for found in answers)
            rows.append(f"{url.name:<44} {method:<7}{row}".rstrip())
    return rows


@pytest.mark.slow
def test_everyone_gets_what_the_table_says(
    browsers: dict[str, Client], arguments: dict[str, object]
) -> None:
    rows = "\n".join(matrix(browsers, arguments)) + "\n"
    if os.environ.get("UPDATE_ACCESS_MATRIX"):
        TABLE.write_text(HEADING + rows)
    assert TABLE.read_text() == HEADING + rows
