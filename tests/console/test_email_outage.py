"""While the SMTP server is down, every action works and no email is lost."""

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.usersessions.models import UserSession
from django.core import mail
from django.db import OperationalError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from post_office.models import STATUS, Email
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts import emails
from accounts.actions.access_requests import (
    approve_access_request,
    decline_access_request,
    request_access,
)
from accounts.actions.devices import note_sign_in
from accounts.actions.factors import remove_second_factors
from accounts.actions.invitations import invite, tell_of_expired_invitations
from accounts.actions.memberships import change_role, deactivate, reactivate
from accounts.actions.organizations import resume_organization, suspend_organization
from accounts.actions.sessions import end_sessions_of
from accounts.models import Membership, NoticeKind
from accounts.roles import ConsoleRole
from core.background import BackgroundWriter
from credentials.actions.applications import transfer_application
from credentials.actions.pauses import ask_about_unmissed_pauses, pause_jwt_credential
from credentials.actions.reminders import remind_owners
from credentials.actions.revocations import (
    revoke_jwt_credential,
    revoke_jwt_credentials,
    revoke_leaked_jwt_credential,
)
from credentials.actions.rotations import warn_of_closing
from credentials.actions.suspensions import resume_application, suspend_application
from credentials.models import (
    Application,
    ExchangeUsage,
    JwtCredential,
    RefreshToken,
    Rotation,
)
from tests import api, cast
from tests.accounts import email_servers
from tests.api import App
from tests.conftest import Rebels, UseEmailServer
from tests.credentials.rotating import HOUR, rotation_of
from tests.ticks import make_email_due, tick

pytestmark = pytest.mark.django_db

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def by_leia(rebels: Rebels) -> dict[str, Any]:
    return {"actor": rebels.leia.user, "origin": cast.ORIGIN}


def request(rebels: Rebels) -> Any:
    return request_access(rebels.wedge, reason="To fly", origin=cast.ORIGIN)


def approve(rebels: Rebels) -> None:
    with emails.withheld():
        asked = request(rebels)
    approve_access_request(asked, role=ConsoleRole.DEVELOPER, **by_leia(rebels))


def decline(rebels: Rebels) -> None:
    with emails.withheld():
        asked = request(rebels)
    decline_access_request(asked, reason="No", **by_leia(rebels))


def invitation_expires(rebels: Rebels) -> None:
    invite(
        rebels.organization,
        "rey@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        at=timezone.now() - timedelta(days=8),
        **by_leia(rebels),
    )
    tell_of_expired_invitations()


def promote(rebels: Rebels) -> None:
    change_role(rebels.luke, role=ConsoleRole.AUDITOR, is_account_admin=False, **by_leia(rebels))


def shut_out(rebels: Rebels) -> None:
    deactivate(rebels.luke, **by_leia(rebels))


def let_in(rebels: Rebels) -> None:
    with emails.withheld():
        shut_out(rebels)
    reactivate(rebels.luke, **by_leia(rebels))


def sign_in_elsewhere(rebels: Rebels) -> None:
    for _ in range(2):
        note_sign_in(rebels.luke.user, None, origin=cast.ORIGIN)


def sign_out(rebels: Rebels) -> None:
    UserSession.objects.create(user=rebels.luke.user, ip="192.0.2.1", session_key="elsewhere")
    end_sessions_of(rebels.luke, **by_leia(rebels))


def sign_in_after_failures(rebels: Rebels) -> None:
    note_sign_in(rebels.luke.user, None, failed_before=5, origin=cast.ORIGIN)


def reset_factors(rebels: Rebels) -> None:
    RecoveryCodes.activate(rebels.luke.user)
    remove_second_factors(rebels.luke.user, proof="ID card", origin=cast.ORIGIN)


def transfer(rebels: Rebels) -> None:
    transfer_application(cast.application(rebels.han), rebels.luke, **by_leia(rebels))


def create(rebels: Rebels) -> None:
    cast.credential(rebels.luke, created_by=rebels.leia)


def revoke(rebels: Rebels) -> None:
    with emails.withheld():
        credential = cast.credential(rebels.luke)
    revoke_jwt_credential(credential, reason="", **by_leia(rebels))


def leak(rebels: Rebels) -> None:
    with emails.withheld():
        credential = cast.credential(rebels.luke)
    revoke_leaked_jwt_credential(credential, origin=cast.ORIGIN)


def revoke_several(rebels: Rebels) -> None:
    with emails.withheld():
        ids = [cast.credential(rebels.luke).pk for _ in range(2)]
    revoke_jwt_credentials(ids, reason="", **by_leia(rebels))


def credential_expires(rebels: Rebels) -> None:
    at = timezone.now()
    with emails.withheld():
        cast.credential(
            rebels.luke,
            expires_on=(at + timedelta(days=5)).date(),
            at=at - timedelta(days=90),
        )
    remind_owners()


def pause(rebels: Rebels, *, by: Membership | None = None, at: datetime | None = None) -> App:
    at = at or timezone.now()
    with emails.withheld():
        app, credential = api.app(rebels.luke), cast.credential(rebels.luke, at=at)
    person = by or rebels.leia
    until = at + timedelta(hours=1)
    pause_jwt_credential(credential, until=until, actor=person.user, origin=cast.ORIGIN, at=at)
    return app


def pause_is_missed(rebels: Rebels) -> None:
    app = pause(rebels, by=rebels.luke)
    assert api.exchange(app, JwtCredential.objects.get().encode()).status_code == 400
    BackgroundWriter.flush_all()


def pause_is_unmissed(rebels: Rebels) -> None:
    pause(rebels, by=rebels.luke, at=timezone.now() - timedelta(days=1))
    ask_about_unmissed_pauses()


def reuse_token(rebels: Rebels) -> None:
    with emails.withheld():
        app = api.app(rebels.luke, issues_refresh_tokens=True)
        jwt = cast.credential(rebels.luke).encode()
    refresh_token = api.exchange(app, jwt).json()["refresh_token"]
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert api.post(grant, app.authorization).status_code == 200
    RefreshToken.objects.exclude(used_at=None).update(used_at=timezone.now() - timedelta(hours=1))
    assert api.post(grant, app.authorization).status_code == 400


def suspend(rebels: Rebels) -> None:
    suspend_organization(rebels.organization, reason="", actor=None, origin=cast.ORIGIN)


def resume(rebels: Rebels) -> None:
    with emails.withheld():
        suspend(rebels)
    resume_organization(rebels.organization, actor=None, origin=cast.ORIGIN)


def suspend_app(rebels: Rebels) -> Application:
    application = cast.application(rebels.luke)
    suspend_application(application, reason="", actor=None, origin=cast.ORIGIN)
    return application


def resume_app(rebels: Rebels) -> None:
    with emails.withheld():
        application = suspend_app(rebels)
    resume_application(application, actor=None, origin=cast.ORIGIN)


def rotate(rebels: Rebels) -> Rotation:
    with emails.withheld():
        credential = cast.credential(rebels.luke)
    return rotation_of(credential, actor=rebels.leia, deadline=HOUR)


def rotation_closes(rebels: Rebels) -> None:
    with emails.withheld():
        rotation = rotate(rebels)
    app = api.app(rebels.luke)
    ExchangeUsage.objects.count_exchange(rotation.replaced_id, app.client.pk)
    warn_of_closing()


ACTS: dict[NoticeKind, Callable[[Rebels], object]] = {
    NoticeKind.ACCESS_REQUESTED: request,
    NoticeKind.ACCESS_GRANTED: approve,
    NoticeKind.ACCESS_DECLINED: decline,
    NoticeKind.INVITATIONS_EXPIRED: invitation_expires,
    NoticeKind.ROLE_CHANGED: promote,
    NoticeKind.DEACTIVATED: shut_out,
    NoticeKind.REACTIVATED: let_in,
    NoticeKind.SIGNED_OUT: sign_out,
    NoticeKind.NEW_DEVICE: sign_in_elsewhere,
    NoticeKind.FAILED_SIGN_INS: sign_in_after_failures,
    NoticeKind.SECOND_FACTOR_RESET: reset_factors,
    NoticeKind.APPLICATION_TRANSFERRED: transfer,
    NoticeKind.JWT_CREDENTIAL_CREATED: create,
    NoticeKind.JWT_CREDENTIAL_REVOKED: revoke,
    NoticeKind.JWT_CREDENTIAL_LEAKED: leak,
    NoticeKind.JWT_CREDENTIALS_REVOKED: revoke_several,
    NoticeKind.JWT_CREDENTIALS_EXPIRING: credential_expires,
    NoticeKind.JWT_CREDENTIALS_PAUSED: pause,
    NoticeKind.PAUSE_MISSED: pause_is_missed,
    NoticeKind.PAUSE_UNMISSED: pause_is_unmissed,
    NoticeKind.REFRESH_TOKEN_REUSED: reuse_token,
    NoticeKind.ORGANIZATION_SUSPENDED: suspend,
    NoticeKind.ORGANIZATION_RESUMED: resume,
    NoticeKind.APPLICATION_SUSPENDED: suspend_app,
    NoticeKind.APPLICATION_RESUMED: resume_app,
    NoticeKind.ROTATION_STARTED: rotate,
    NoticeKind.ROTATION_CLOSING: rotation_closes,
}
TO_LEIA = {
    NoticeKind.ACCESS_REQUESTED,
    NoticeKind.INVITATIONS_EXPIRED,
    NoticeKind.ORGANIZATION_SUSPENDED,
    NoticeKind.ORGANIZATION_RESUMED,
}
TO_WEDGE = {NoticeKind.ACCESS_GRANTED, NoticeKind.ACCESS_DECLINED}


@pytest.fixture
def dead_server(settings: Settings, use_email_server: UseEmailServer) -> None:
    """A port on which no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = taken.getsockname()
    use_email_server(SMTP)


def statuses() -> set[int]:
    return set(Email.objects.values_list("status", flat=True))


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.usefixtures("dead_server")
def test_every_action_works_and_its_email_comes_later(
    kind: NoticeKind,
    rebels: Rebels,
    use_email_server: UseEmailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ACTS[kind](rebels)
    who = rebels.leia if kind in TO_LEIA else rebels.wedge if kind in TO_WEDGE else rebels.luke
    assert who.user.notices.filter(kind=kind).count() == 1
    assert statuses() == {STATUS.queued}
    make_email_due()
    assert tick()["Email"] == "0 sent, 1 to retry, 0 failed"
    assert statuses() == {STATUS.requeued}
    make_email_due()
    use_email_server(email_servers.WORKING)
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"
    assert [message.to for message in mail.outbox] == [[who.user.email]]
    assert tick()["Email"] == "0 sent, 0 to retry, 0 failed"
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("dead_server")
def test_the_emails_of_the_sign_in_library_come_later(
    rebels: Rebels,
    use_email_server: UseEmailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    browser = Client()
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    new = "another long-enough Passw0rd"
    data = {"oldpassword": cast.PASSWORD, "password1": new, "password2": new}
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(reverse("account_change_password"), data)
    assert response.status_code == 302
    assert statuses() == {STATUS.queued}
    make_email_due()
    use_email_server(email_servers.WORKING)
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"
    [message] = mail.outbox
    assert message.to == ["luke@rebels.example"]


@pytest.mark.usefixtures("dead_server")
def test_an_email_is_tried_for_as_long_as_it_is_kept(rebels: Rebels, settings: Settings) -> None:
    """Otherwise an outage of some days would lose it."""
    request(rebels)
    Email.objects.update(
        number_of_retries=settings.POST_OFFICE["MAX_RETRIES"] - 1, status=STATUS.requeued
    )
    make_email_due()
    assert tick()["Email"] == "0 sent, 1 to retry, 0 failed"
    retried = settings.POST_OFFICE["MAX_RETRIES"] * settings.POST_OFFICE["RETRY_INTERVAL"]
    assert retried >= timedelta(days=30)


@pytest.mark.django_db(transaction=True)
def test_an_action_counts_if_the_database_goes_away_after_its_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`tick` sends the email later, and the answer is that of the action."""

    def gone(queued: list[Email]) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(emails, "_attempt", gone)
    with transaction.atomic():
        emails.queue_text(["luke@rebels.example"], "Subject", "Body")
    assert Email.objects.get().status == STATUS.queued
