"""A paused credential doesn't work until a time. Then it works again, with its tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from post_office.models import Email

from accounts.models import AuditKind, Notice, NoticeKind
from core.background import BackgroundWriter
from credentials.actions.pauses import (
    ask_about_unmissed_pauses,
    pause_jwt_credential,
    resume_jwt_credential,
)
from credentials.models import JwtCredential, Rotation
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import errors_of, url, words_of
from tests.credentials.rotating import DAY, HOUR, rotation_of
from tests.credentials.scenes import Scene, code_of

SELECTED = "/console/organization/credentials/pause"


def pause(credential: JwtCredential, by: Any, length: timedelta = HOUR) -> datetime:
    until = timezone.now() + length
    pause_jwt_credential(credential, until=until, actor=by.user, origin=cast.ORIGIN)
    return until


def resume(credential: JwtCredential, by: Any) -> None:
    resume_jwt_credential(credential, actor=by.user, origin=cast.ORIGIN)


def end(credential: JwtCredential) -> None:
    """As if the pause had ended a minute ago."""
    JwtCredential.objects.filter(pk=credential.pk).update(
        paused_until=timezone.now() - timedelta(minutes=1)
    )


@pytest.mark.both_databases
def test_a_paused_credential_is_refused_and_works_again_with_its_tokens(scene: Scene) -> None:
    until = pause(scene.credential, scene.rebels.luke)
    moment = f"{until.astimezone(UTC):%b} {until.day}, {until:%Y}, {until:%H:%M} UTC"
    refused = api.oauth_error(
        "invalid_grant",
        "JWT-109",
        f"This credential is paused until {moment}. Wait until then, or ask the person who "
        "paused it to resume it.",
    )
    exchange = scene.exchange()
    assert (exchange.status_code, exchange.json()) == (400, refused)
    assert scene.refresh().json() == refused
    assert code_of(scene.call()) == "OAU-213"
    # The check comes after the expiry and before the list of apps.
    JwtCredential.objects.update(app_access="specific")
    assert code_of(scene.exchange()) == "JWT-109"
    JwtCredential.objects.update(app_access="organization")
    end(scene.credential)
    assert scene.call().status_code == 200
    assert scene.exchange().status_code == 200
    assert scene.refresh().status_code == 200


def test_the_first_refusal_tells_who_paused_it(scene: Scene, sign_in: SignIn) -> None:
    pause(scene.credential, scene.rebels.han)
    Email.objects.all().delete()
    for _ in range(2):
        scene.exchange()
        scene.call()
        BackgroundWriter.flush_all()
    email = Email.objects.get()
    assert email.to == ["han@rebels.example"]
    [notice] = Notice.objects.filter(kind=NoticeKind.PAUSE_MISSED)
    page = url("resume", scene.credential, scene.rebels.luke)
    assert (notice.user, notice.path) == (scene.rebels.han.user, page)
    text = " ".join(email.message.split())
    assert f"App: {scene.app.application.name} Address: 127.0.0.1 When:" in text
    assert page in text
    browser = sign_in(scene.rebels.han)
    assert "Resume Contractor Key?" in words_of(browser.get(page))
    assert browser.post(page).status_code == 302
    assert scene.exchange().status_code == 200


def test_the_end_of_a_pause_that_no_one_missed_asks_once(
    rebels: Rebels, credential: JwtCredential
) -> None:
    missed = cast.credential(rebels.luke, label="Missed")
    for each in (credential, missed):
        pause(each, rebels.luke)
    app = api.app(rebels.luke)
    assert code_of(api.exchange(app, missed.encode())) == "JWT-109"
    BackgroundWriter.flush_all()
    assert ask_about_unmissed_pauses() == 0
    for each in (credential, missed):
        end(each)
    Email.objects.all().delete()
    assert [ask_about_unmissed_pauses(), ask_about_unmissed_pauses()] == [1, 0]
    text = Email.objects.get().message
    assert url("revoke", credential) in text
    assert "Missed" not in text
    assert Notice.objects.get(kind=NoticeKind.PAUSE_UNMISSED).user == rebels.luke.user


def test_an_owner_can_not_undo_the_pause_of_an_administrator(
    rebels: Rebels, credential: JwtCredential, sign_in: SignIn
) -> None:
    until = pause(credential, rebels.han)
    assert Notice.objects.get(user=rebels.luke.user).text == (
        "Han Example paused your sandbox JWT credential “Contractor Key” until "
        f"{until.astimezone(UTC):%b} {until.day}, {until:%Y}, {until:%H:%M} UTC."
    )
    with pytest.raises(PermissionDenied):
        resume(credential, rebels.luke)
    with pytest.raises(PermissionDenied):
        pause(credential, rebels.luke, timedelta(minutes=1))
    browser = sign_in(rebels.luke)
    for name in ("pause", "resume"):
        page = browser.post(url(name, credential), {"length": "3600"}, follow=True)
        assert "Only an administrator can change that." in words_of(page)
    assert "Only an administrator can resume it." in words_of(
        browser.get(url("detail", credential))
    )
    resume(credential, rebels.leia)
    # What an owner paused, an administrator can resume, and so can the owner.
    pause(credential, rebels.luke)
    resume(credential, rebels.han)
    pause(credential, rebels.luke)
    resume(credential, rebels.luke)


def test_a_rotation_waits_for_the_pause(rebels: Rebels, credential: JwtCredential) -> None:
    rotation = rotation_of(credential, deadline=2 * DAY, grace_period=HOUR)
    deadline = rotation.deadline
    for paused in (rotation.replaced, rotation.replacement):
        pause(paused, rebels.luke, 7 * DAY)
        rotation.refresh_from_db()
        assert abs(rotation.deadline - deadline - 7 * DAY) < timedelta(seconds=5)
        credential.refresh_from_db()
        assert credential.superseded_at == rotation.deadline
        resume(paused, rebels.luke)
        rotation.refresh_from_db()
        assert abs(rotation.deadline - deadline) < timedelta(seconds=5)


def test_a_grace_period_that_begins_during_the_pause_keeps_its_length(
    rebels: Rebels, credential: JwtCredential
) -> None:
    rotation = rotation_of(credential, grace_period=DAY)
    pause(credential, rebels.luke, 7 * DAY)
    Rotation.objects.update(first_used_at=timezone.now())
    resume(credential, rebels.luke)
    rotation.refresh_from_db()
    assert rotation.grace_period == DAY


def test_no_one_gets_around_a_pause_with_a_rotation(
    rebels: Rebels, credential: JwtCredential
) -> None:
    pause(credential, rebels.han)
    with pytest.raises(ValidationError, match="This credential is paused"):
        rotation_of(credential)


def test_a_pause_ends_within_thirty_days(rebels: Rebels, credential: JwtCredential) -> None:
    for length, message in ((-HOUR, "in the future"), (30 * DAY + HOUR, "at most 30 days")):
        with pytest.raises(ValidationError, match=message):
            pause(credential, rebels.luke, length)
    with pytest.raises(ValidationError, match="isn’t paused"):
        resume(credential, rebels.luke)


# --- Pages ----------------------------------------------------------------------------------------


def test_the_pages_of_a_pause(rebels: Rebels, scene: Scene, sign_in: SignIn) -> None:
    credential, browser = scene.credential, sign_in(rebels.luke)
    address = url("pause", credential)
    asked = words_of(browser.get(address))
    assert "exchanged it 1 time in the last 30 days" in asked
    past = str(timezone.now().date() - DAY)
    for sent, message in (
        ({"length": "date"}, "Choose a date."),
        ({"length": "date", "until": past}, "This date is in the past. Choose today or later."),
        ({"length": "date", "until": "2099-01-01"}, "A pause can last at most 30 days."),
    ):
        assert message in errors_of(browser.post(address, sent))["until"]
    response = browser.post(address, {"length": "604800", "until": "nonsense"})
    assert (response.status_code, response["Location"]) == (302, url("detail", credential))
    credential.refresh_from_db()
    assert credential.paused_until is not None
    assert abs(credential.paused_until - timezone.now() - 7 * DAY) < timedelta(minutes=1)
    page = words_of(browser.get(url("detail", credential)))
    assert "Luke Example paused it until" in page
    assert "It hasn’t refused a request yet." in page
    assert "Paused until" in words_of(browser.get(url("list")))
    assert browser.post(url("resume", credential)).status_code == 302
    assert not JwtCredential.objects.filter(paused_until__isnull=False).exists()
    history = words_of(browser.get(url("detail", credential)))
    for kind in (AuditKind.JWT_CREDENTIAL_PAUSED, AuditKind.JWT_CREDENTIAL_RESUMED):
        assert f"{kind.label} Contractor Key" in history


def test_an_administrator_pauses_a_selection(rebels: Rebels, sign_in: SignIn) -> None:
    first, second = (cast.credential(rebels.luke, label=label) for label in ("First", "Second"))
    chosen = {"credential": [str(first.pk), str(second.pk)]}
    browser = sign_in(rebels.han)
    asked = words_of(browser.get(SELECTED, chosen))
    assert "Pause 2 credentials?" in asked
    assert "First (owned by Luke Example)" in asked
    response = browser.post(SELECTED, chosen | {"length": "3600"}, follow=True)
    assert "You paused 2 credentials until" in words_of(response)
    assert JwtCredential.objects.filter(paused_by=rebels.han.user).count() == 2
    assert Notice.objects.get(kind=NoticeKind.JWT_CREDENTIALS_PAUSED).user == rebels.luke.user
    listed = browser.get("/console/organization/credentials?status=paused")
    assert {row.pk for row, _ in listed.context["rows"]} == {first.pk, second.pk}
    empty = browser.get(SELECTED, follow=True)
    assert "Select at least one credential." in words_of(empty)
