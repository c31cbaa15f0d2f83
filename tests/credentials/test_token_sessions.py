"""Token sessions: how long they last, who sees them, and how people end them."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent, AuditKind, Membership
from credentials.models import JwtCredential, RefreshToken
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.credential_states import rows_of
from tests.credentials.pages import text_of, url, words_of

pytestmark = pytest.mark.both_databases


@pytest.fixture
def app(rebels: Rebels) -> api.App:
    return api.app(rebels.luke, issues_refresh_tokens=True)


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    return cast.credential(rebels.luke)


def started(app: api.App, credential: JwtCredential, **extra: Any) -> dict[str, Any]:
    """The tokens of a new session."""
    grant = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    response = api.post(grant, app.authorization, **extra)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def refreshed(app: api.App, tokens: dict[str, Any], **extra: Any) -> Any:
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return api.post(grant, app.authorization, **extra)


def introspected(app: api.App, token: str) -> Any:
    path = f"/{api.SANDBOX}/restapi/oauth/introspect"
    authorization = {"Authorization": app.authorization}
    return (
        api.program()
        .post(path, f"token={token}", content_type=api.FORM, headers=authorization)
        .json()
    )


def test_no_token_outlives_its_session(app: api.App, credential: JwtCredential) -> None:
    """The session ends thirty days after its exchange, however often the app refreshes it."""
    tokens = started(app, credential)
    assert tokens["refresh_token_expires_in"] == 604_800
    end = timezone.now() + timedelta(minutes=5)
    RefreshToken.objects.update(session_started_at=end - timedelta(days=30))
    for _ in range(2):
        tokens = refreshed(app, tokens).json()
        assert 290 <= tokens["expires_in"] <= 300
        assert 290 <= tokens["refresh_token_expires_in"] <= 300
        for kind in ("access_token", "refresh_token"):
            assert introspected(app, tokens[kind])["exp"] == int(end.timestamp())
    RefreshToken.objects.update(session_started_at=timezone.now() - timedelta(days=30))
    assert introspected(app, tokens["refresh_token"]) == {"active": False}
    refused = refreshed(app, tokens)
    assert refused.status_code == 400
    assert refused.json() == api.oauth_error(
        "invalid_grant",
        "JWT-108",
        "The refresh token is unknown, expired, used, or revoked. Exchange the JWT credential "
        "again.",
    )


def test_a_session_knows_when_and_from_where_it_was_last_used(
    app: api.App, credential: JwtCredential
) -> None:
    tokens = started(app, credential, REMOTE_ADDR="192.0.2.10")
    first = RefreshToken.objects.get()
    refreshed(app, tokens, REMOTE_ADDR="::ffff:192.0.2.11")
    last = RefreshToken.objects.get(used_at=None)
    assert (first.address, last.address) == ("192.0.2.10", "192.0.2.11")
    assert first.session == last.session
    assert first.session_started_at == first.issued_at < last.issued_at


def works(app: api.App, tokens: dict[str, Any]) -> bool:
    """Whether the access token and the refresh token of a session do, which must agree."""
    call = api.call("GET", "/account/~/extension/~", tokens["access_token"])
    refresh = introspected(app, tokens["refresh_token"])["active"]
    assert (call.status_code == 200) is refresh
    if not refresh:
        assert call.json()["errorCode"] == "OAU-213"
        assert refreshed(app, tokens).json()["errors"][0]["errorCode"] == "JWT-108"
    return bool(refresh)


def session_id(tokens: dict[str, Any]) -> str:
    return str(tokens["endpoint_id"])


def events() -> list[tuple[str, str, dict[str, Any]]]:
    found = AuditEvent.objects.filter(kind__contains="session").order_by("pk")
    return [(event.kind, event.actor_label, event.details) for event in found]


@pytest.mark.parametrize("who", ["luke", "han"])
def test_owners_and_developer_admins_end_the_sessions_of_a_credential(
    app: api.App, credential: JwtCredential, rebels: Rebels, sign_in: SignIn, who: str
) -> None:
    person: Membership = getattr(rebels, who)
    through = None if who == "luke" else rebels.luke
    pages = {
        name: url(name, credential, through) for name in ("detail", "sessions", "end_sessions")
    }
    browser = sign_in(person)
    assert "No token sessions" in words_of(browser.get(pages["sessions"]))
    other = api.app(rebels.luke, name="Other App", issues_refresh_tokens=True)
    tokens = started(app, credential, REMOTE_ADDR="192.0.2.10")
    others = [started(other, credential) for _ in range(2)]
    unlisted = started(app, cast.credential(rebels.luke, label="Second Key"))
    refreshed(other, others[0])
    listed = browser.get(pages["sessions"])
    assert pages["sessions"] in text_of(browser.get(pages["detail"]))
    rows = rows_of(listed)
    assert [row.split()[0] for row in rows] == ["Other", "Other", "Falcon"]
    assert "192.0.2.10" in rows[2]
    one = f"{pages['sessions']}/{session_id(tokens)}/end"
    assert one in text_of(listed)
    asks = words_of(browser.get(one))
    assert "End this session of Falcon Dialer?" in asks
    assert "The next refresh fails with JWT-108." in asks
    assert works(app, tokens)
    done = browser.post(one)
    assert (done.status_code, done["Location"]) == (302, pages["sessions"])
    assert not works(app, tokens)
    assert works(other, others[1])
    again = browser.post(one, follow=True)
    assert "This session has already ended." in words_of(again)
    asks = words_of(browser.get(pages["end_sessions"]))
    assert "This ends 2 token sessions. Other App has 2 of them." in asks
    assert browser.post(pages["end_sessions"])["Location"] == pages["sessions"]
    assert not works(other, others[1])
    assert works(app, unlisted)
    assert works(app, started(app, credential))
    assert events() == [
        (
            "jwt_credential.session_ended",
            person.user.email,
            {
                "client_id": app.client_id,
                "session_id": session_id(tokens),
                "started_at": ANY,
                "last_address": "192.0.2.10",
            },
        ),
        ("jwt_credential.sessions_ended", person.user.email, {"sessions": 2}),
    ]


def test_an_auditor_sees_sessions_and_ends_none(
    app: api.App, credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    tokens = started(app, credential)
    browser = sign_in(rebels.c3po)
    of_app = reverse("credentials:application_sessions", args=[app.application.pk])
    for address in (url("sessions", credential, rebels.luke), of_app):
        page = browser.get(address)
        assert len(rows_of(page)) == 1
        assert "/end" not in text_of(page)
    assert works(app, tokens)


def test_managers_of_an_app_end_its_sessions_and_see_only_their_credentials(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    app = api.app(rebels.luke, is_public=True, issues_refresh_tokens=True)
    own, colleague, guest = (
        started(
            app, cast.credential(owner, label=f"Key of {owner.user.first_name}", clients=listed)
        )
        for owner, listed in ((rebels.luke, []), (rebels.leia, []), (partners.lobot, [app.client]))
    )
    browser = sign_in(rebels.luke)
    address = reverse("credentials:application_sessions", args=[app.application.pk])
    page = browser.get(address)
    assert [row.partition(" Example")[0] for row in rows_of(page)] == ["Key of Luke Luke"]
    assert "And 2 token sessions of credentials that you can’t view." in words_of(page)
    assert len(rows_of(sign_in(rebels.han).get(address))) == 2
    for unseen in (colleague, guest):
        assert browser.post(f"{address}/{session_id(unseen)}/end").status_code == 404
    end_own = f"{address}/{session_id(own)}/end"
    assert "Key of Luke, owned by Luke Example" in words_of(browser.get(end_own))
    assert browser.post(end_own)["Location"] == f"{address}?environment=sandbox"
    assert [works(app, each) for each in (own, colleague, guest)] == [False, True, True]
    end_all = reverse("credentials:end_application_sessions", args=[app.application.pk, "sandbox"])
    asks = words_of(browser.get(end_all))
    assert (
        "This ends 0 token sessions of credentials that you can view, and 2 token sessions of "
        "other credentials." in asks
    )
    assert "You ended 2 token sessions." in words_of(browser.post(end_all, follow=True))
    assert [works(app, each) for each in (colleague, guest)] == [False, False]
    assert [kind for kind, _who, _details in events()] == [
        "jwt_credential.session_ended",
        "client.sessions_ended",
    ]
    # The log of the other organization doesn't name people of this one.
    assert not AuditEvent.objects.filter(
        organization=partners.organization, actor=rebels.luke.user
    ).exists()


def test_an_app_that_revokes_its_token_is_recorded(app: api.App, credential: JwtCredential) -> None:
    tokens = started(app, credential)
    for _ in range(2):
        revoked = api.program().post(
            f"/{api.SANDBOX}/restapi/oauth/revoke",
            f"token={tokens['access_token']}",
            content_type=api.FORM,
            headers={"Authorization": app.authorization},
        )
        assert revoked.status_code == 200
    [(kind, who, details)] = events()
    assert (kind, who) == ("jwt_credential.session_revoked", "Falcon Dialer")
    assert details == {"client_id": app.client_id, "session_id": session_id(tokens)}
    assert not works(app, tokens)


def test_reuse_of_a_refresh_token_is_recorded_and_told_to_the_owner(
    app: api.App,
    credential: JwtCredential,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    tokens = started(app, credential)
    refreshed(app, tokens)
    RefreshToken.objects.filter(used_at__isnull=False).update(
        used_at=timezone.now() - timedelta(seconds=11)
    )
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            assert refreshed(app, tokens, REMOTE_ADDR="192.0.2.66").status_code == 400
    event = AuditEvent.objects.get(kind=AuditKind.REFRESH_TOKEN_REUSED)
    assert (event.actor_label, event.target_id) == ("Falcon Dialer", str(credential.pk))
    assert event.ip == "192.0.2.66"
    assert event.request_id
    assert event.details == {"client_id": app.client_id, "session_id": session_id(tokens)}
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]
    assert message.subject == (
        "A refresh token of your sandbox JWT credential was used twice: Contractor Key"
    )
    assert "From:  192.0.2.66" in message.body
    assert credential.extension.user.notices.get().text == (
        "Falcon Dialer used a refresh token of your sandbox credential “Contractor Key” a second "
        "time. Someone may have copied the token, so we ended the session."
    )
