"""Undoing, finishing and extending a rotation."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from post_office.models import Email

from accounts.models import AuditEvent, AuditKind
from core.origin import Origin
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential, revoke_jwt_credentials
from credentials.actions.rotations import (
    close_rotations,
    undo_rotation,
)
from credentials.models import (
    AppAccess,
    JwtCredential,
    Rotation,
)
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import (
    assert_audited,
    errors_of,
    fields_of,
    text_of,
    the_event,
    url,
    words_of,
)
from tests.credentials.rotating import (
    DAY,
    answer,
    closed,
    emails,
    replaced_error,
    rotation_of,
)

TICK = Origin.command("tick")
BULK_REVOKE = reverse("organization:revoke_credentials")
ACTS = ("extend_rotation", "undo_rotation", "finish_rotation")


def test_undoing_a_rotation_revokes_the_replacement_and_keeps_the_old_credential(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    old, new = rotation.replaced, rotation.replacement
    answer(app, new)
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("undo_rotation", new)
    page = browser.get(address)
    assert "Falcon Dialer used the replacement" in words_of(page)
    response = browser.post(address, fields_of(page, address))
    assert (response.status_code, response["Location"]) == (302, url("detail", old))
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.superseded_at, old.status, new.status) == (None, "active", "revoked")
    assert_audited(response, AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE, rebels.luke, old.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_REVOKED).target_id == str(new.pk)
    assert answer(app, old) == (200, "")
    assert answer(app, new) == (400, "JWT-102")
    told = words_of(browser.get(url("rotation", old)))
    assert "Rotation undone: the old credential keeps working" in told
    assert rotation_of(old).is_open()


def test_revoking_the_replacement_undoes_the_rotation(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    revoke_jwt_credential(
        rotation.replacement, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    event = the_event(AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE)
    assert event.target_id == str(rotation.replaced_id)
    assert Rotation.objects.get().undone_at is not None
    assert JwtCredential.objects.get(pk=rotation.replaced_id).superseded_at is None


def test_revoking_the_replacement_after_the_rotation_closed_restores_nothing(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    at = closed(rotation)
    revoke_jwt_credential(
        rotation.replacement, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    assert api.exchange(app, rotation.replaced.encode()).json() == replaced_error(at)
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE).exists()


def test_revoking_both_credentials_at_once_undoes_nothing(
    rebels: Rebels, rotation: Rotation
) -> None:
    ids = [rotation.replaced_id, rotation.replacement_id]
    done = revoke_jwt_credentials(ids, reason="Left", actor=rebels.leia.user, origin=cast.ORIGIN)
    assert {credential.pk for credential in done.revoked} == set(ids)
    assert {row.status for row in JwtCredential.objects.all()} == {"revoked"}
    assert close_rotations(origin=TICK) == 0
    # Nothing was given back on the way, whichever of the two comes first.
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE).exists()
    assert Rotation.objects.get().undone_at is None


def asked_about(browser: Browser, *chosen: JwtCredential) -> str:
    """What the confirmation says before these are revoked."""
    query = "&".join(f"credential={credential.pk}" for credential in chosen)
    response = browser.get(f"{BULK_REVOKE}?{query}")
    assert response.status_code == 200
    return words_of(response)


def test_bulk_revocation_explains_what_happens_to_an_open_rotation(
    rebels: Rebels, app: App, sign_in: SignIn
) -> None:
    old, apart = cast.credential(rebels.luke, label="Old"), cast.credential(rebels.leia)
    rotation = rotation_of(old)
    new = rotation.replacement
    admin = sign_in(rebels.han)
    page = asked_about(admin, old, apart)
    assert (
        "It’s being replaced by Old 2, which will keep working, but no app has used it yet." in page
    )
    assert page.count("replaced by") == 1
    confirmation = admin.get(f"{BULK_REVOKE}?credential={old.pk}")
    assert url("rotation", old, rebels.luke) in text_of(confirmation)
    assert answer(app, new) == (200, "")
    assert "It’s being replaced by Old 2, which will keep working. View" in asked_about(admin, old)
    undone = (
        "It’s replacing Old. Revoking it will undo the rotation, and the old credential will keep"
    )
    assert undone in asked_about(admin, new)
    both = asked_about(admin, old, new)
    assert "replaced by Old 2, which you’re also revoking, so no replacement will remain." in both
    assert "It’s replacing Old, which you’re also revoking." in both
    assert "keep working" not in both
    closed(rotation)
    assert "replac" not in asked_about(admin, new)


def test_finishing_a_rotation_revokes_the_old_credential_now(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    old, new = rotation.replaced, rotation.replacement
    answer(app, old)
    browser = cast.step_up(sign_in(rebels.han))
    address = url("finish_rotation", old, rebels.luke)
    page = browser.get(address)
    assert "No app has used the replacement yet" in words_of(page)
    assert "Falcon Dialer still uses the old credential" in words_of(page)
    Email.objects.all().delete()
    response = browser.post(address, fields_of(page, address))
    assert response["Location"] == url("detail", new, rebels.luke)
    old.refresh_from_db()
    assert old.superseded_at == old.revoked_at
    assert (old.status, old.revoked_by) == ("replaced", rebels.han.user)
    assert old.revoked_reason == f"Replaced by Nightly jobs 2 ({new.pk})."
    assert_audited(response, AuditKind.JWT_CREDENTIAL_REPLACED, rebels.han, old.pk)
    assert answer(app, old) == (400, "JWT-102")
    assert answer(app, new) == (200, "")
    assert emails() == [
        (["luke@rebels.example"], "Your sandbox JWT credential was revoked: Nightly jobs")
    ]


@pytest.mark.parametrize("name", ["undo_rotation", "finish_rotation"])
def test_a_first_use_after_the_page_was_opened_asks_for_confirmation_again(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn, name: str
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url(name, rotation.replaced)
    data = fields_of(browser.get(address), address)
    answer(app, rotation.replacement)
    response = browser.post(address, data, follow=True)
    assert "An app used the replacement for the first time after you opened this page" in words_of(
        response
    )
    assert Rotation.objects.get().is_open()
    assert browser.post(address, fields_of(response, address)).status_code == 302
    assert not Rotation.objects.get().is_open()


def test_extending_a_rotation(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("extend_rotation", rotation.replaced)
    answer(app, rotation.replacement)
    until = (timezone.now() + 10 * DAY).date()
    response = browser.post(address, {"until": f"{until}"})
    assert response["Location"] == url("rotation", rotation.replaced)
    rotation.refresh_from_db()
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    assert old.superseded_at == rotation.closes_at == rotation.deadline
    assert rotation.deadline.date() == until
    assert_audited(response, AuditKind.JWT_CREDENTIAL_ROTATION_EXTENDED, rebels.luke, old.pk)
    for day, message in (
        (timezone.now().date(), "The old credential already works until"),
        ("2020-01-01", "in the past"),
        ("", "Choose a date."),
        ("soon", "a date like"),
        ("2099-12-31", "before Dec 31, 2099"),
    ):
        refused = browser.post(address, {"until": f"{day}"})
        assert message in errors_of(refused)["until"]


def test_a_rotation_cannot_be_extended_beyond_either_expiry(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    last = (timezone.now() + 40 * DAY).date()
    rotation = rotation_of(old, expires_on=last)
    address = url("extend_rotation", rotation.replacement)
    refused = cast.step_up(sign_in(rebels.luke)).post(address, {"until": f"{last + DAY}"})
    day = f"{last:%b} {last.day}, {last:%Y}"
    assert f"One of the credentials expires on {day}" in errors_of(refused)["until"]


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("over", ["closed", "undone", "never"])
def test_an_ended_rotation_cannot_be_changed(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn, name: str, over: str
) -> None:
    credential = rotation.replaced
    if over == "closed":
        closed(rotation)
    if over == "undone":
        undo_rotation(rotation, was_used=False, actor=rebels.luke.user, origin=cast.ORIGIN)
    if over == "never":
        credential = cast.credential(rebels.luke)
    browser = cast.step_up(sign_in(rebels.luke))
    data = {"was_used": "no", "until": "2090-01-01"}
    response = browser.post(url(name, credential), data)
    page = "detail" if over == "never" else "rotation"
    assert (response.status_code, response["Location"]) == (302, url(page, credential))
    if over != "never":
        with pytest.raises(ValidationError, match="This rotation has ended"):
            undo_rotation(rotation, was_used=False, actor=rebels.luke.user, origin=cast.ORIGIN)


def test_an_incomplete_decision_about_a_rotation_shows_the_page_again(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    for name in ("undo_rotation", "finish_rotation"):
        for data in ({}, {"was_used": "perhaps"}):
            response = browser.post(url(name, rotation.replaced), data)
            assert response.status_code == 200
            assert "What will stop working" in words_of(response)
    assert Rotation.objects.get().is_open()


def test_a_replaced_credential_cannot_be_changed_or_revoked(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    closed(rotation)
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    with pytest.raises(ValidationError, match="was replaced"):
        update_jwt_credential(
            old,
            label="x",
            app_access=AppAccess.ORGANIZATION,
            client_ids=[],
            ceiling=None,
            actor=rebels.luke.user,
            origin=cast.ORIGIN,
        )
    with pytest.raises(ValidationError, match="already been replaced"):
        revoke_jwt_credential(old, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    browser = cast.step_up(sign_in(rebels.luke))
    assert browser.get(url("revoke", old)).status_code == 302
    shown = browser.post(url("show", old), follow=True)
    assert "no longer works" in words_of(shown)
