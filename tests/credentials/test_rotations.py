"""Starting a rotation: the form, the replacement, and the people who can rotate."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.utils import timezone
from post_office.models import Email

from accounts.models import AuditEvent, AuditKind, Notice, NoticeKind
from accounts.roles import ConsoleRole
from core.moments import day_in_words
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.rotations import (
    extend_rotation,
    finish_rotation,
    rotate_jwt_credential,
    undo_rotation,
)
from credentials.models import (
    JwtCredential,
    Policy,
    Rotation,
)
from credentials.models.expiration import NEVER
from tests import api, cast
from tests.api import SANDBOX, App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    JWT,
    alerts_of,
    assert_audited,
    errors_of,
    fields_of,
    text_of,
    url,
    words_of,
)
from tests.credentials.rotating import (
    DAY,
    HOUR,
    closed,
    emails,
    rotation_of,
)

ACTS = ("extend_rotation", "undo_rotation", "finish_rotation")


def filled_in(browser: Browser, address: str, **changed: str) -> dict[str, Any]:
    """The form with its initial values, and these changes."""
    return fields_of(browser.get(address), address) | changed


def test_rotating_creates_a_replacement_of_the_same_shape(
    rebels: Rebels, app: App, sign_in: SignIn
) -> None:
    made = timezone.now() - 60 * DAY
    old = cast.credential(
        rebels.luke,
        label="Nightly jobs",
        clients=[app.client],
        expires_on=(made + 80 * DAY).date(),
        at=made,
    )
    old.allowed_networks = ["192.0.2.0/24"]
    old.save()
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    page = words_of(browser.get(address))
    assert "1 specific app (unchanged)" in page
    assert "192.0.2.0/24 (unchanged)" in page
    assert "has a lifetime of 80 days" in page
    before = timezone.now()
    response = browser.post(address, filled_in(browser, address))
    rotation = Rotation.objects.get()
    new = rotation.replacement
    assert (response.status_code, response["Location"]) == (302, url("created", new))
    assert (new.label, new.extension, new.app_access) == (old.label, old.extension, "specific")
    assert new.allowed_networks == ["192.0.2.0/24"]
    assert list(new.permitted_clients.all()) == [app.client]
    assert new.expires_at.date() == (before + 80 * DAY).date()
    old.refresh_from_db()
    # Its own expiration date comes before the deadline of thirty days.
    assert old.superseded_at == rotation.deadline == old.expires_at
    assert (rotation.grace_period, rotation.first_used_at) == (DAY, None)
    assert_audited(response, AuditKind.JWT_CREDENTIAL_ROTATION_STARTED, rebels.luke, old.pk)
    created = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_CREATED).latest("id")
    assert (created.target_id, created.details["replaces"]) == (str(new.pk), str(old.pk))
    shown = browser.get(response["Location"])
    assert JWT.search(text_of(shown))
    assert "Replaces Nightly jobs" in words_of(shown)


def test_rotating_keeps_the_choices_of_the_form(
    rebels: Rebels, app: App, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    day = (timezone.now() + 5 * DAY).date()
    choices = {
        "label": "Night 2",
        "grace_period": "3600",
        "deadline": "day",
        "deadline_on": f"{day}",
    }
    browser.post(address, filled_in(browser, address, **choices))
    rotation = Rotation.objects.get()
    assert (rotation.replacement.label, rotation.grace_period) == ("Night 2", HOUR)
    assert rotation.replacement.never_expires
    assert f"{rotation.deadline:%Y-%m-%d %H:%M:%S}" == f"{day} 23:59:59"


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"label": ""}, "label", "Give the credential a label."),
        ({"grace_period": "5"}, "grace_period", "Select a valid choice"),
        ({"deadline": "5"}, "deadline", "Select a valid choice"),
        ({"deadline": "day"}, "deadline_on", "Choose a date."),
        ({"deadline": "day", "deadline_on": "tomorrow"}, "deadline_on", "a date like"),
        ({"deadline": "day", "deadline_on": "2020-01-01"}, "deadline_on", "in the past"),
        ({"expires_on": "2020-01-01"}, "expires_on", "in the past"),
        ({"expires_on": "10/12/2031"}, "expires_on", "a date like"),
    ],
)
def test_rotation_mistakes_appear_beside_their_field_and_keep_the_entries(
    rebels: Rebels,
    old: JwtCredential,
    sign_in: SignIn,
    changed: dict[str, str],
    field: str,
    message: str,
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    sent = filled_in(browser, address, label="Typed") | changed
    response = browser.post(address, sent)
    assert response.status_code == 200
    assert message in errors_of(response)[field]
    assert fields_of(response, address)["submission_key"] == sent["submission_key"]
    if "label" not in changed:
        assert fields_of(response, address)["label"] == "Typed"
    assert not Rotation.objects.exists()


def test_a_date_in_the_hidden_deadline_field_is_ignored(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    data = filled_in(browser, address, deadline="7", deadline_on="some day")
    assert browser.post(address, data).status_code == 302
    assert Rotation.objects.get().deadline - timezone.now() < 7 * DAY


def test_a_deadline_after_the_expiry_of_the_old_credential_is_refused(
    rebels: Rebels, sign_in: SignIn
) -> None:
    last = (timezone.now() + 10 * DAY).date()
    old = cast.credential(rebels.luke, expires_on=last)
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    later = f"{last + DAY}"
    response = browser.post(address, filled_in(browser, address, deadline="day", deadline_on=later))
    assert (
        f"The old credential expires on {day_in_words(last)}" in errors_of(response)["deadline_on"]
    )


def test_a_deadline_is_never_after_the_expiry_of_the_replacement(old: JwtCredential) -> None:
    last = (timezone.now() + 3 * DAY).date()
    rotation = rotation_of(old, expires_on=last)
    assert rotation.deadline == rotation.replacement.expires_at
    assert rotation.deadline.date() == last


def test_sending_the_rotation_form_twice_rotates_once(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    data = filled_in(browser, address)
    first, second = browser.post(address, data), browser.post(address, data)
    assert first["Location"] == second["Location"]
    assert Rotation.objects.count() == 1
    assert JwtCredential.objects.count() == 2


def test_a_submission_key_of_another_form_is_renewed(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    data = filled_in(browser, address, submission_key=str(old.submission_key))
    response = browser.post(address, data)
    assert "You already sent this form" in " ".join(alerts_of(response))
    renewed = fields_of(response, address)
    assert renewed["submission_key"] != data["submission_key"]
    assert browser.post(address, renewed).status_code == 302


def test_a_rotation_follows_the_policy_about_expiration_dates(
    rebels: Rebels, sign_in: SignIn
) -> None:
    made = timezone.now() - DAY
    old = cast.credential(rebels.luke, at=made)
    Policy.objects.create(
        organization=rebels.organization, environment=SANDBOX, max_lifetime_days=30
    )
    browser = cast.step_up(sign_in(rebels.luke))
    address = url("rotate", old)
    page = browser.get(address)
    assert "A credential can last at most 30 days. Choose" in words_of(page)
    latest = Policy.objects.get().latest_day(timezone.now())
    assert fields_of(page, address)["expires_on"] == f"{latest}"
    refused = browser.post(address, filled_in(browser, address, expires_on=""))
    assert "A credential can last at most 30 days. Choose" in errors_of(refused)["expires_on"]
    refused = browser.post(address, filled_in(browser, address, expires_on="2090-01-01"))
    assert "at most 30 days" in errors_of(refused)["expires_on"]
    assert browser.post(address, filled_in(browser, address)).status_code == 302


def test_people_who_cannot_create_a_credential_cannot_rotate_it(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    Policy.objects.create(
        organization=rebels.organization,
        environment=SANDBOX,
        creator_role=ConsoleRole.DEVELOPER_ADMIN,
        all_apps_allowed=False,
    )
    address = url("rotate", old)
    browser = cast.step_up(sign_in(rebels.luke))
    refused = browser.post(address, filled_in(browser, address))
    assert (
        "does not allow you to create sandbox credentials. Only Developer Admins can"
        in " ".join(alerts_of(refused))
    )
    address = url("rotate", old, rebels.luke)
    browser = cast.step_up(sign_in(rebels.han))
    refused = browser.post(address, filled_in(browser, address))
    assert "A credential can only allow specific apps. Choose specific apps." in " ".join(
        alerts_of(refused)
    )
    assert not Rotation.objects.exists()


def test_a_replacement_keeps_apps_that_could_not_be_added_now(
    rebels: Rebels, partners: Partners
) -> None:
    """A rotation doesn't check again whether each app could be added now."""
    guest = api.app(partners.lobot, is_public=True)
    old = cast.credential(rebels.luke, clients=[guest.client])
    guest.application.is_public = False
    guest.application.save()
    assert list(rotation_of(old).replacement.permitted_clients.all()) == [guest.client]


def test_rotation_pages_need_step_up(
    rebels: Rebels, old: JwtCredential, rotation: Rotation, sign_in: SignIn
) -> None:
    browser = cast.as_later(sign_in(rebels.luke))
    for name in ("rotate", *ACTS):
        response = browser.post(url(name, old))
        assert response["Location"].startswith("/account/reauthenticate"), name


@pytest.mark.parametrize(
    ("who", "through", "reads", "acts"),
    [
        ("luke", False, 200, 200),
        ("lando", False, 404, 404),
        ("lando", True, 403, 403),
        ("han", True, 200, 200),
        ("leia", True, 200, 200),
        ("c3po", True, 200, 403),
        ("wedge", True, 403, 403),
        ("lobot", True, 404, 404),
    ],
)
def test_console_roles_that_view_and_decide_rotations(
    rebels: Rebels,
    partners: Partners,
    old: JwtCredential,
    rotation: Rotation,
    sign_in: SignIn,
    who: str,
    through: bool,
    reads: int,
    acts: int,
) -> None:
    person = getattr(rebels, who, None) or partners.lobot
    owner = rebels.luke if through else None
    browser = cast.step_up(sign_in(person))
    for credential in (old, rotation.replacement):
        page = browser.get(url("rotation", credential, owner))
        assert page.status_code == reads
        assert ("Undo" in words_of(page)) == (acts == 200)
        for name in ("undo_rotation", "finish_rotation"):
            assert browser.get(url(name, credential, owner)).status_code == acts
        assert browser.post(url("extend_rotation", credential, owner)).status_code == acts
    third = cast.credential(rebels.luke)
    assert browser.get(url("rotate", third, owner)).status_code == acts
    if acts == 403:
        data = {"was_used": "no"}
        assert browser.post(url("undo_rotation", old, owner), data).status_code == 403
    assert rotation.replaced.is_being_replaced
    assert Rotation.objects.get().is_open()


def test_rotation_actions_refuse_people_who_cannot_manage_the_credential(
    rebels: Rebels, partners: Partners, old: JwtCredential, rotation: Rotation
) -> None:
    other = cast.credential(rebels.luke)
    for person in (rebels.lando, rebels.c3po, rebels.wedge, partners.lobot):
        who: dict[str, Any] = {"actor": person.user, "origin": cast.ORIGIN}
        with pytest.raises(PermissionDenied):
            rotation_of(other, actor=person)
        with pytest.raises(PermissionDenied):
            undo_rotation(rotation, was_used=False, **who)
        with pytest.raises(PermissionDenied):
            finish_rotation(rotation, was_used=False, **who)
        with pytest.raises(PermissionDenied):
            extend_rotation(rotation, until=NEVER.date(), **who)


@pytest.mark.parametrize(("who", "sees"), [("leia", True), ("han", True)])
def test_a_developer_admin_rotates_for_a_teammate(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn, who: str, sees: bool
) -> None:
    admin = getattr(rebels, who)
    browser = cast.step_up(sign_in(admin))
    address = url("rotate", old, rebels.luke)
    Email.objects.all().delete()
    response = browser.post(address, filled_in(browser, address), follow=True)
    assert bool(JWT.search(text_of(response))) is sees
    assert emails() == [
        (["luke@rebels.example"], "Your sandbox JWT credential is being replaced: Nightly jobs")
    ]
    body = Email.objects.get().message
    assert f"{admin.user.name} ({admin.user.email}) created a replacement" in body
    assert f"/console/my-credentials/{old.pk}/rotation" in body
    assert f"{admin.user.name} saw the new JWT" in body
    notice = Notice.objects.get(kind=NoticeKind.ROTATION_STARTED)
    assert (notice.user, notice.path) == (rebels.luke.user, url("rotation", old))
    assert notice.text == (
        f"{admin.user.name} created a replacement for your sandbox JWT credential “Nightly jobs” "
        "and saw the new JWT."
    )
    assert not JWT.search(body)


def test_an_admin_with_fewer_permissions_does_not_see_the_jwt_of_the_replacement(
    rebels: Rebels, sign_in: SignIn
) -> None:
    old = cast.credential(rebels.leia)
    browser = cast.step_up(sign_in(rebels.han))
    address = url("rotate", old, rebels.leia)
    response = browser.post(address, filled_in(browser, address), follow=True)
    assert "Only Leia Example can see this JWT" in words_of(response)
    assert not JWT.search(text_of(response))


@pytest.mark.parametrize("ended", ["revoked", "expired", "replaced", "being replaced", "new"])
def test_ended_or_rotating_credentials_cannot_be_rotated(
    rebels: Rebels, sign_in: SignIn, ended: str
) -> None:
    at = timezone.now() - 9 * DAY
    expires = (at + 2 * DAY).date() if ended == "expired" else None
    credential = cast.credential(rebels.luke, at=at, expires_on=expires)
    if ended == "revoked":
        revoke_jwt_credential(credential, reason="Lost", actor=rebels.luke.user, origin=cast.ORIGIN)
    if ended in ("replaced", "being replaced", "new"):
        rotation = rotation_of(credential)
        if ended == "replaced":
            closed(rotation)
        if ended == "new":
            credential = rotation.replacement
    with pytest.raises(ValidationError):
        rotation_of(JwtCredential.objects.get(pk=credential.pk))
    browser = cast.step_up(sign_in(rebels.luke))
    response = browser.get(url("rotate", credential))
    assert (response.status_code, response["Location"]) == (302, url("detail", credential))
    assert Rotation.objects.count() <= 1


def test_the_database_allows_one_open_rotation_per_credential(
    rebels: Rebels, rotation: Rotation
) -> None:
    another = cast.credential(rebels.luke)
    with pytest.raises(IntegrityError), transaction.atomic():
        Rotation.objects.create(
            replaced=rotation.replaced,
            replacement=another,
            started_by=rebels.luke.user,
            deadline=NEVER,
            grace_period=DAY,
        )


def test_a_grace_period_that_is_not_offered_is_refused(rebels: Rebels, old: JwtCredential) -> None:
    with pytest.raises(ValidationError):
        rotation_of(old, grace_period=timedelta(seconds=1))


def test_a_credential_of_a_disabled_extension_cannot_be_rotated(
    rebels: Rebels, old: JwtCredential
) -> None:
    extension = old.extension
    extension.status = "disabled"
    extension.save()
    with pytest.raises(ValidationError):
        rotation_of(old)


def test_a_replacement_can_be_rotated_after_its_rotation_closed(rotation: Rotation) -> None:
    closed(rotation)
    second = rotation_of(rotation.replacement)
    assert Rotation.objects.about(rotation.replacement) == second
    assert Rotation.objects.about(rotation.replaced) == rotation


def test_the_rotation_action_with_the_same_submission_key_rotates_once(old: JwtCredential) -> None:
    at = timezone.now()
    made = [
        rotate_jwt_credential(
            old,
            label="Again",
            expires_on=None,
            grace_period=DAY,
            deadline=30 * DAY,
            submission_key=old.submission_key.__class__(int=7),
            actor=old.owner.user,
            origin=cast.ORIGIN,
            at=at,
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
