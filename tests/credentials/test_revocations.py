"""Revoking one credential from its page."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditKind, Membership
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import ExchangeUsage, JwtCredential
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.credential_states import expired, revoke
from tests.credentials.pages import (
    assert_audited,
    errors_of,
    the_event,
    url,
    words_of,
)


@pytest.mark.parametrize("who", ["luke", "han"])
def test_revoking(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    who: str,
) -> None:
    revoker: Membership = getattr(rebels, who)
    through = None if who == "luke" else rebels.luke
    browser = sign_in(revoker)
    confirm = words_of(browser.get(url("revoke", credential, through)))
    assert "Revoke Contractor Key?" in confirm
    assert ("We’ll email Luke Example." in confirm) is (who == "han")
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(
            url("revoke", credential, through), {"reason": " Lost {{ 7 }} <b> "}
        )
    assert (response.status_code, response["Location"]) == (302, url("list", through=through))
    assert "You revoked Contractor Key." in words_of(browser.get(response["Location"]))
    credential.refresh_from_db()
    assert credential.revoked_at is not None
    assert (credential.revoked_by, credential.revoked_reason) == (
        revoker.user, "Lost {{ 7 }} <b>",
    )  # fmt: skip
    assert_audited(response, AuditKind.JWT_CREDENTIAL_REVOKED, revoker, credential.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_REVOKED).details == {"reason": "Lost {{ 7 }} <b>"}
    assert len(mail.outbox) == (1 if who == "han" else 0)


def test_the_owner_gets_an_email_that_says_who_revoked_it_and_why(
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    credential = cast.credential(rebels.luke, label="Key <b> {{ 7|add:1 }} {% now 'Y' %} 🔑")
    with django_capture_on_commit_callbacks(execute=True):
        revoke(credential, rebels.han, "Agency's contract & badge ended")
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]
    assert message.subject == (
        "Your sandbox JWT credential was revoked: Key <b> {{ 7|add:1 }} {% now 'Y' %} 🔑"
    )
    assert (
        message.body
        == f"""\
Hello Luke,

Han Example (han@rebels.example) revoked your JWT credential “Key <b> {{{{ 7|add:1 }}}} \
{{% now 'Y' %}} 🔑” (sandbox).

  Reason:  Agency's contract & badge ended

Apps that used it can no longer authenticate, and their access tokens no longer work.
View its history or create another credential:

http://localhost:8000{url("detail", credential)}
"""
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Enter the reason for revoking it."),
        ({"reason": "   "}, "Enter the reason for revoking it."),
        ({"reason": "x" * 201}, "at most 200 characters"),
        ({"reason": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_revoking_needs_a_reason(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    data: dict[str, str],
    message: str,
) -> None:
    response = sign_in(rebels.luke).post(url("revoke", credential), data)
    assert response.status_code == 200
    assert message in errors_of(response)["reason"]
    credential.refresh_from_db()
    assert not credential.is_revoked


def test_revoking_twice_changes_nothing(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
    browser.post(url("revoke", credential), {"reason": "First"})
    for ask in (browser.post, browser.get):
        response = ask(url("revoke", credential), {"reason": "Second"})
        assert (response.status_code, response["Location"]) == (302, url("detail", credential))
        assert "This credential is already revoked." in words_of(browser.get(response["Location"]))
    with pytest.raises(ValidationError, match="already been revoked"):
        revoke(credential, rebels.han)
    credential.refresh_from_db()
    assert credential.revoked_reason == "First"
    assert the_event(AuditKind.JWT_CREDENTIAL_REVOKED).actor == rebels.luke.user


def test_a_credential_that_someone_else_revokes_meanwhile(
    credential: JwtCredential,
    rebels: Rebels,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the page's look at the row and the action's."""

    def slower(credential: JwtCredential, **kwargs: Any) -> JwtCredential:
        monkeypatch.undo()
        revoke(credential, rebels.leia, "Leia's reason")
        return revoke_jwt_credential(credential, **kwargs)

    monkeypatch.setattr("credentials.views.revocations.revoke_jwt_credential", slower)
    browser = sign_in(rebels.luke)
    response = browser.post(url("revoke", credential), {"reason": "Luke's reason"})
    assert response.status_code == 302
    assert "already been revoked" in words_of(browser.get(response["Location"]))
    credential.refresh_from_db()
    assert credential.revoked_reason == "Leia's reason"


def test_revoking_says_what_will_break(
    credential: JwtCredential, rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    ExchangeUsage.objects.count_exchange(credential.pk, apps.dialer.pk, times=3)
    words = words_of(sign_in(rebels.luke).get(url("revoke", credential)))
    assert re.search(
        r"X-wing Dialer exchanged it 3 times in the last 30 days, most recently on .* UTC", words
    )


def test_an_expired_credential_can_still_be_revoked(rebels: Rebels, sign_in: SignIn) -> None:
    credential = expired(rebels.luke)
    response = sign_in(rebels.luke).post(url("revoke", credential), {"reason": "Tidy"})
    assert response.status_code == 302
    credential.refresh_from_db()
    assert credential.is_revoked
