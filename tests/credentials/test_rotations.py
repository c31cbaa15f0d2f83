"""Rotating a JWT credential: both are valid until the old one closes, and nothing breaks before."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from post_office.models import Email

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Membership, Notice, NoticeKind
from accounts.roles import ConsoleRole
from core.background import BackgroundWriter
from core.origin import Origin
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential, revoke_jwt_credentials
from credentials.actions.rotations import (
    close_rotation,
    close_rotations,
    extend_rotation,
    finish_rotation,
    rotate_jwt_credential,
    undo_rotation,
    warn_of_closing,
)
from credentials.models import (
    AppAccess,
    ExchangeUsage,
    JwtCredential,
    Policy,
    RefreshToken,
    Rotation,
)
from credentials.models.expiration import NEVER
from credentials.models.usage import note_use
from credentials.reports.inventory import Wanted, wanted_of
from tests import api, cast
from tests.api import SANDBOX, App, rest_error
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    JWT,
    alerts_of,
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
    HOUR,
    answer,
    closed,
    end_at,
    replaced_error,
    rotation_of,
)
from tests.ticks import tick

TICK = Origin.command("tick")
BULK_REVOKE = reverse("organization:revoke_credentials")
ACTS = ("extend_rotation", "undo_rotation", "finish_rotation")


@pytest.fixture
def app(rebels: Rebels) -> App:
    return api.app(rebels.luke, issues_refresh_tokens=True)


@pytest.fixture
def old(rebels: Rebels) -> JwtCredential:
    return cast.credential(rebels.luke, label="Nightly jobs")


@pytest.fixture
def rotation(old: JwtCredential) -> Rotation:
    return rotation_of(old)


def stepped_up(sign_in: SignIn, person: Membership) -> Browser:
    browser = sign_in(person)
    cast.step_up(browser)
    return browser


def mails() -> list[tuple[list[str], str]]:
    return [(mail.to, mail.subject) for mail in Email.objects.order_by("pk")]


# --- Starting ------------------------------------------------------------------------------------


def filled_in(browser: Browser, address: str, **changed: str) -> dict[str, Any]:
    """The form as it comes, with what somebody changed."""
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
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    page = words_of(browser.get(address))
    assert "The same 1 specific app" in page
    assert "192.0.2.0/24, as before" in page
    assert "was made for 80 days" in page
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
    assert (rotation.drain, rotation.first_used_at) == (DAY, None)
    assert_audited(response, AuditKind.JWT_CREDENTIAL_ROTATION_STARTED, rebels.luke, old.pk)
    created = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_CREATED).latest("id")
    assert (created.target_id, created.details["replaces"]) == (str(new.pk), str(old.pk))
    shown = browser.get(response["Location"])
    assert JWT.search(text_of(shown))
    assert "Replaces Nightly jobs" in words_of(shown)


def test_what_was_chosen_counts(
    rebels: Rebels, app: App, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    day = (timezone.now() + 5 * DAY).date()
    choices = {"label": "Night 2", "drain": "3600", "deadline": "day", "deadline_on": f"{day}"}
    browser.post(address, filled_in(browser, address, **choices))
    rotation = Rotation.objects.get()
    assert (rotation.replacement.label, rotation.drain) == ("Night 2", HOUR)
    assert rotation.replacement.never_expires
    assert f"{rotation.deadline:%Y-%m-%d %H:%M:%S}" == f"{day} 23:59:59"


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"label": ""}, "label", "Give the credential a label."),
        ({"drain": "5"}, "drain", "Select a valid choice"),
        ({"deadline": "5"}, "deadline", "Select a valid choice"),
        ({"deadline": "day"}, "deadline_on", "Choose a date."),
        ({"deadline": "day", "deadline_on": "tomorrow"}, "deadline_on", "a date like"),
        ({"deadline": "day", "deadline_on": "2020-01-01"}, "deadline_on", "in the past"),
        ({"expires_on": "2020-01-01"}, "expires_on", "in the past"),
        ({"expires_on": "10/12/2031"}, "expires_on", "a date like"),
    ],
)
def test_a_mistake_is_named_beside_its_field_and_nothing_typed_is_lost(
    rebels: Rebels,
    old: JwtCredential,
    sign_in: SignIn,
    changed: dict[str, str],
    field: str,
    message: str,
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    sent = filled_in(browser, address, label="Typed") | changed
    response = browser.post(address, sent)
    assert response.status_code == 200
    assert message in errors_of(response)[field]
    assert fields_of(response, address)["submission_key"] == sent["submission_key"]
    if "label" not in changed:
        assert fields_of(response, address)["label"] == "Typed"
    assert not Rotation.objects.exists()


def test_a_date_that_was_not_asked_for_is_no_mistake(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    data = filled_in(browser, address, deadline="7", deadline_on="some day")
    assert browser.post(address, data).status_code == 302
    assert Rotation.objects.get().deadline - timezone.now() < 7 * DAY


def test_a_deadline_after_its_own_expiry(rebels: Rebels, sign_in: SignIn) -> None:
    last = (timezone.now() + 10 * DAY).date()
    old = cast.credential(rebels.luke, expires_on=last)
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    later = f"{last + DAY}"
    response = browser.post(address, filled_in(browser, address, deadline="day", deadline_on=later))
    assert f"The old one expires on {last}" in errors_of(response)["deadline_on"]


def test_a_deadline_is_never_after_the_end_of_the_replacement(old: JwtCredential) -> None:
    last = (timezone.now() + 3 * DAY).date()
    rotation = rotation_of(old, expires_on=last)
    assert rotation.deadline == rotation.replacement.expires_at
    assert rotation.deadline.date() == last


def test_sending_the_form_twice_rotates_once(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    data = filled_in(browser, address)
    first, second = browser.post(address, data), browser.post(address, data)
    assert first["Location"] == second["Location"]
    assert Rotation.objects.count() == 1
    assert JwtCredential.objects.count() == 2


def test_a_key_that_made_something_else_is_renewed(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    data = filled_in(browser, address, submission_key=str(old.submission_key))
    response = browser.post(address, data)
    assert "This form has been sent before" in " ".join(alerts_of(response))
    renewed = fields_of(response, address)
    assert renewed["submission_key"] != data["submission_key"]
    assert browser.post(address, renewed).status_code == 302


def test_the_policy_is_asked_as_at_creation(rebels: Rebels, sign_in: SignIn) -> None:
    made = timezone.now() - DAY
    old = cast.credential(rebels.luke, at=made)
    Policy.objects.create(
        organization=rebels.organization, environment=SANDBOX, max_lifetime_days=30
    )
    browser = stepped_up(sign_in, rebels.luke)
    address = url("rotate", old)
    page = browser.get(address)
    assert "Required by your organization's policy" in words_of(page).replace("’", "'")
    latest = Policy.objects.get().latest_day(timezone.now())
    assert fields_of(page, address)["expires_on"] == f"{latest}"
    refused = browser.post(address, filled_in(browser, address, expires_on=""))
    assert "requires an expiration date" in errors_of(refused)["expires_on"]
    refused = browser.post(address, filled_in(browser, address, expires_on="2090-01-01"))
    assert "at most 30 days" in errors_of(refused)["expires_on"]
    assert browser.post(address, filled_in(browser, address)).status_code == 302


def test_who_may_not_create_may_not_rotate(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    Policy.objects.create(
        organization=rebels.organization,
        environment=SANDBOX,
        creator_role=ConsoleRole.DEVELOPER_ADMIN,
        all_apps_allowed=False,
    )
    address = url("rotate", old)
    browser = stepped_up(sign_in, rebels.luke)
    refused = browser.post(address, filled_in(browser, address))
    assert "lets only Developer Admins create sandbox credentials" in " ".join(alerts_of(refused))
    address = url("rotate", old, rebels.luke)
    browser = stepped_up(sign_in, rebels.han)
    refused = browser.post(address, filled_in(browser, address))
    assert "does not allow credentials for all apps" in " ".join(alerts_of(refused))
    assert not Rotation.objects.exists()


def test_apps_that_are_gone_stay_on_the_list(rebels: Rebels, partners: Partners) -> None:
    """The same list, whatever has become of its apps: the replacement is not the time to judge."""
    guest = api.app(partners.lobot, is_public=True)
    old = cast.credential(rebels.luke, clients=[guest.client])
    guest.application.is_public = False
    guest.application.save()
    assert list(rotation_of(old).replacement.permitted_clients.all()) == [guest.client]


def test_rotating_asks_who_it_is(
    rebels: Rebels, old: JwtCredential, rotation: Rotation, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
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
def test_who_sees_and_who_decides(
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
    browser = stepped_up(sign_in, person)
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


def test_the_actions_check_the_actor_too(
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
    browser = stepped_up(sign_in, admin)
    address = url("rotate", old, rebels.luke)
    Email.objects.all().delete()
    response = browser.post(address, filled_in(browser, address), follow=True)
    assert bool(JWT.search(text_of(response))) is sees
    assert mails() == [
        (["luke@rebels.example"], "Your sandbox JWT credential is being replaced: Nightly jobs")
    ]
    body = Email.objects.get().message
    assert f"{admin.user.name} ({admin.user.email}) created a replacement" in body
    assert f"/console/my-credentials/{old.pk}/rotation" in body
    assert f"{admin.user.name} was shown the new JWT" in body
    notice = Notice.objects.get(kind=NoticeKind.ROTATION_STARTED)
    assert (notice.user, notice.path) == (rebels.luke.user, url("rotation", old))
    assert notice.text == (
        f"{admin.user.name} created a replacement for your sandbox JWT credential “Nightly jobs”, "
        "and was shown the JWT."
    )
    assert not JWT.search(body)


def test_an_admin_with_fewer_permissions_does_not_see_the_new_jwt(
    rebels: Rebels, sign_in: SignIn
) -> None:
    old = cast.credential(rebels.leia)
    browser = stepped_up(sign_in, rebels.han)
    address = url("rotate", old, rebels.leia)
    response = browser.post(address, filled_in(browser, address), follow=True)
    assert "Only Leia Example can see this JWT" in words_of(response)
    assert not JWT.search(text_of(response))


@pytest.mark.parametrize("ended", ["revoked", "expired", "replaced", "being replaced", "new"])
def test_what_is_over_or_under_way_is_not_rotated(
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
    browser = stepped_up(sign_in, rebels.luke)
    response = browser.get(url("rotate", credential))
    assert (response.status_code, response["Location"]) == (302, url("detail", credential))
    assert Rotation.objects.count() <= 1


def test_the_database_allows_one_open_rotation(rebels: Rebels, rotation: Rotation) -> None:
    another = cast.credential(rebels.luke)
    with pytest.raises(IntegrityError), transaction.atomic():
        Rotation.objects.create(
            replaced=rotation.replaced,
            replacement=another,
            started_by=rebels.luke.user,
            deadline=NEVER,
            drain=DAY,
        )


def test_a_drain_of_its_own_invention_is_refused(rebels: Rebels, old: JwtCredential) -> None:
    with pytest.raises(ValidationError):
        rotation_of(old, drain=timedelta(seconds=1))


def test_a_disabled_owner_gets_no_replacement(rebels: Rebels, old: JwtCredential) -> None:
    extension = old.extension
    extension.status = "disabled"
    extension.save()
    with pytest.raises(ValidationError):
        rotation_of(old)


def test_the_replacement_is_rotated_once_the_first_has_closed(rotation: Rotation) -> None:
    closed(rotation)
    second = rotation_of(rotation.replacement)
    assert Rotation.objects.about(rotation.replacement) == second
    assert Rotation.objects.about(rotation.replaced) == rotation


# --- At the Auth API and the REST API ------------------------------------------------------------


def test_both_are_valid_and_the_first_use_starts_the_drain(app: App, rotation: Rotation) -> None:
    old, new = rotation.replaced, rotation.replacement
    assert answer(app, old) == (200, "")
    old.refresh_from_db()
    assert old.superseded_at == rotation.deadline
    before = timezone.now()
    assert answer(app, new) == (200, "")
    after = timezone.now()
    rotation.refresh_from_db()
    assert rotation.first_used_at is not None
    assert before <= rotation.first_used_at <= after
    old.refresh_from_db()
    new.refresh_from_db()
    assert old.superseded_at == rotation.first_used_at + DAY
    assert not new.awaits_first_use
    assert answer(app, old) == answer(app, new) == (200, "")
    again = Rotation.objects.get()
    assert again.first_used_at == rotation.first_used_at


def test_the_deadline_comes_before_the_drain(app: App, old: JwtCredential) -> None:
    rotation = rotation_of(old, deadline=HOUR)
    assert answer(app, rotation.replacement) == (200, "")
    old.refresh_from_db()
    assert old.superseded_at == rotation.deadline


@pytest.mark.parametrize("why", ["another app", "wider scope", "suspended"])
def test_a_refused_exchange_is_no_first_use(
    rebels: Rebels, partners: Partners, app: App, rotation: Rotation, why: str
) -> None:
    parameters: dict[str, Any] = {}
    if why == "another app":
        app = api.app(partners.lobot)
    if why == "wider scope":
        parameters = {"scope": "Accounts"}
    if why == "suspended":
        app.client.status = "suspended"
        app.client.save()
    jwt = rotation.replacement.encode()
    assert api.exchange(app, jwt, **parameters).status_code in (400, 401)
    assert Rotation.objects.get().first_used_at is None


def test_a_test_from_the_console_is_no_first_use(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    data = {"client_id": app.client_id, "client_secret": app.secret}
    response = sign_in(rebels.luke).post(url("test", rotation.replacement), data)
    assert "The Auth API granted an access token" in words_of(response)
    assert Rotation.objects.get().first_used_at is None


def test_an_exchange_that_fails_late_is_no_first_use(
    app: App, rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("credentials.oauth.grants.jwt_bearer.issue_refresh_token", fail)
    with pytest.raises(RuntimeError):
        api.exchange(app, rotation.replacement.encode())
    assert Rotation.objects.get().first_used_at is None
    assert JwtCredential.objects.get(pk=rotation.replacement_id).awaits_first_use


def test_after_it_closed_nothing_of_the_old_one_is_valid(app: App, rotation: Rotation) -> None:
    old = rotation.replaced
    tokens = api.exchange(app, old.encode()).json()
    at = closed(rotation)
    refused = api.exchange(app, old.encode())
    assert (refused.status_code, refused.json()) == (400, replaced_error(at))
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert api.post(refresh, app.authorization).json() == replaced_error(at)
    called = api.call("GET", "/account/~/extension/~", tokens["access_token"])
    assert (called.status_code, called.json()) == (
        401,
        rest_error("OAU-213", "The access token has been revoked."),
    )
    for token in (tokens["access_token"], tokens["refresh_token"]):
        path = f"/{SANDBOX}/restapi/oauth/introspect"
        asked = api.program().generic(
            "POST",
            path,
            f"token={token}",
            CONTENT_TYPE=api.FORM,
            HTTP_AUTHORIZATION=app.authorization,
        )
        assert asked.json() == {"active": False}
    verified = api.program().get(
        f"/{SANDBOX}/restapi/oauth/verify",
        HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}",
    )
    assert verified.status_code == 401
    assert answer(app, rotation.replacement) == (200, "")


def test_no_token_of_the_old_one_outlives_it(app: App, rotation: Rotation) -> None:
    end_at(rotation.replaced, timezone.now() + timedelta(minutes=5))
    tokens = api.exchange(app, rotation.replaced.encode()).json()
    assert tokens["expires_in"] <= 300
    assert tokens["refresh_token_expires_in"] <= 300
    assert RefreshToken.objects.get().expires_at == rotation.replaced.superseded_at


def test_a_replaced_one_that_had_been_revoked_before_says_so(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    revoke_jwt_credential(
        rotation.replaced, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    refused = api.exchange(app, rotation.replaced.encode())
    assert refused.json()["error_description"] == "This credential has been revoked."
    assert not Rotation.objects.get().is_open()
    # The replacement goes on, and its first use changes nothing about the other.
    assert answer(app, rotation.replacement) == (200, "")
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    assert (old.status, old.superseded_at) == ("revoked", rotation.deadline)


def test_the_other_environment_and_other_credentials_are_untouched(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    production = cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    other = cast.credential(rebels.luke)
    rotation_of(production)
    closed(rotation)
    answer(app, rotation.replacement)
    close_rotations(origin=TICK)
    assert answer(app, other) == (200, "")
    assert answer(app, production) == (400, "JWT-104")
    production.refresh_from_db()
    assert production.is_being_replaced
    forged = rotation.replacement.encode()[:-4] + "AAAA"
    assert api.exchange(app, forged).json()["errors"][0]["errorCode"] == "JWT-101"


def test_the_dry_run_tells_the_same(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    at = closed(rotation)
    response = sign_in(rebels.luke).post(
        url("test", rotation.replaced), {"client_id": app.client_id}
    )
    assert replaced_error(at)["error_description"] in words_of(response)


def test_an_ordinary_exchange_takes_as_many_statements_as_ever(
    rebels: Rebels, app: App, rotation: Rotation, django_assert_num_queries: Any
) -> None:
    plain = cast.credential(rebels.luke)
    api.exchange(app, rotation.replacement.encode())
    jwts = [each.encode() for each in (plain, rotation.replaced, rotation.replacement)]
    api.exchange(app, jwts[1])
    for jwt in jwts:
        # What decides, the usage, the refresh token.
        with django_assert_num_queries(3):
            assert api.exchange(app, jwt).status_code == 200
    token = api.access_token(app, plain)
    with django_assert_num_queries(1):
        assert api.call("GET", "/account/~/extension/~", token).status_code == 200


# --- Deciding ------------------------------------------------------------------------------------


def test_undo_revokes_the_replacement_and_gives_the_old_one_back(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    old, new = rotation.replaced, rotation.replacement
    answer(app, new)
    browser = stepped_up(sign_in, rebels.luke)
    address = url("undo_rotation", new)
    page = browser.get(address)
    assert "Falcon Dialer used the new JWT" in words_of(page)
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
    assert "Undone: the new one is revoked, the old one goes on" in told
    assert rotation_of(old).is_open()


def test_revoking_the_replacement_undoes_the_rotation_too(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    revoke_jwt_credential(
        rotation.replacement, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    event = the_event(AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE)
    assert event.target_id == str(rotation.replaced_id)
    assert Rotation.objects.get().undone_at is not None
    assert JwtCredential.objects.get(pk=rotation.replaced_id).superseded_at is None


def test_revoking_the_replacement_after_it_closed_brings_nothing_back(
    rebels: Rebels, app: App, rotation: Rotation
) -> None:
    at = closed(rotation)
    revoke_jwt_credential(
        rotation.replacement, reason="Leaked", actor=rebels.luke.user, origin=cast.ORIGIN
    )
    assert api.exchange(app, rotation.replaced.encode()).json() == replaced_error(at)
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE).exists()


def test_revoking_both_at_once(rebels: Rebels, rotation: Rotation) -> None:
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


def test_bulk_revoke_says_what_becomes_of_a_running_rotation(
    rebels: Rebels, app: App, sign_in: SignIn
) -> None:
    old, apart = cast.credential(rebels.luke, label="Old"), cast.credential(rebels.leia)
    rotation = rotation_of(old)
    new = rotation.replacement
    admin = sign_in(rebels.han)
    page = asked_about(admin, old, apart)
    assert "It is being replaced by Old 2, which goes on, but no app has used it yet." in page
    assert page.count("replaced by") == 1
    confirmation = admin.get(f"{BULK_REVOKE}?credential={old.pk}")
    assert url("rotation", old, rebels.luke) in text_of(confirmation)
    assert answer(app, new) == (200, "")
    assert "It is being replaced by Old 2, which goes on. See" in asked_about(admin, old)
    undone = "It is replacing Old: the rotation is undone, and the old one goes on as before."
    assert undone in asked_about(admin, new)
    both = asked_about(admin, old, new)
    assert "replaced by Old 2, which is revoked here as well, so nothing takes over." in both
    assert "It is replacing Old, which is revoked here as well." in both
    assert "goes on" not in both
    closed(rotation)
    assert "replac" not in asked_about(admin, new)


def test_finish_ends_the_old_one_now(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    old, new = rotation.replaced, rotation.replacement
    answer(app, old)
    browser = stepped_up(sign_in, rebels.han)
    address = url("finish_rotation", old, rebels.luke)
    page = browser.get(address)
    assert "No app has used the new JWT yet" in words_of(page)
    assert "Falcon Dialer still uses the old JWT" in words_of(page)
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
    assert mails() == [
        (["luke@rebels.example"], "Your sandbox JWT credential was revoked: Nightly jobs")
    ]


@pytest.mark.parametrize("name", ["undo_rotation", "finish_rotation"])
def test_a_first_use_meanwhile_asks_again(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn, name: str
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    address = url(name, rotation.replaced)
    data = fields_of(browser.get(address), address)
    answer(app, rotation.replacement)
    response = browser.post(address, data, follow=True)
    assert "has been used for the first time since you opened this page" in words_of(response)
    assert Rotation.objects.get().is_open()
    assert browser.post(address, fields_of(response, address)).status_code == 302
    assert not Rotation.objects.get().is_open()


def test_more_time(rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn) -> None:
    browser = stepped_up(sign_in, rebels.luke)
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
        (timezone.now().date(), "It already works until"),
        ("2020-01-01", "in the past"),
        ("", "Choose a date."),
        ("soon", "a date like"),
        ("2099-12-31", "before 2099-12-31"),
    ):
        refused = browser.post(address, {"until": f"{day}"})
        assert message in errors_of(refused)["until"]


def test_more_time_ends_where_either_credential_ends(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    last = (timezone.now() + 40 * DAY).date()
    rotation = rotation_of(old, expires_on=last)
    address = url("extend_rotation", rotation.replacement)
    refused = stepped_up(sign_in, rebels.luke).post(address, {"until": f"{last + DAY}"})
    day = f"{last:%b} {last.day}, {last:%Y}"
    assert f"One of the two expires on {day}" in errors_of(refused)["until"]


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("over", ["closed", "undone", "never"])
def test_nothing_is_decided_about_what_is_over(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn, name: str, over: str
) -> None:
    credential = rotation.replaced
    if over == "closed":
        closed(rotation)
    if over == "undone":
        undo_rotation(rotation, was_used=False, actor=rebels.luke.user, origin=cast.ORIGIN)
    if over == "never":
        credential = cast.credential(rebels.luke)
    browser = stepped_up(sign_in, rebels.luke)
    data = {"was_used": "no", "until": "2090-01-01"}
    response = browser.post(url(name, credential), data)
    page = "detail" if over == "never" else "rotation"
    assert (response.status_code, response["Location"]) == (302, url(page, credential))
    if over != "never":
        with pytest.raises(ValidationError, match="This rotation is over"):
            undo_rotation(rotation, was_used=False, actor=rebels.luke.user, origin=cast.ORIGIN)


def test_a_decision_without_its_page_asks(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    browser = stepped_up(sign_in, rebels.luke)
    for name in ("undo_rotation", "finish_rotation"):
        for data in ({}, {"was_used": "perhaps"}):
            response = browser.post(url(name, rotation.replaced), data)
            assert response.status_code == 200
            assert "What will stop working" in words_of(response)
    assert Rotation.objects.get().is_open()


def test_an_ended_one_is_neither_changed_nor_revoked(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    closed(rotation)
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    with pytest.raises(ValidationError, match="has been replaced"):
        update_jwt_credential(
            old,
            label="x",
            app_access=AppAccess.ORGANIZATION,
            client_ids=[],
            actor=rebels.luke.user,
            origin=cast.ORIGIN,
        )
    with pytest.raises(ValidationError, match="already been replaced"):
        revoke_jwt_credential(old, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    browser = stepped_up(sign_in, rebels.luke)
    assert browser.get(url("revoke", old)).status_code == 302
    shown = browser.post(url("show", old), follow=True)
    assert "no longer works" in words_of(shown)


# --- Pages and lists -----------------------------------------------------------------------------


def test_pages_and_lists_link_the_two(rebels: Rebels, rotation: Rotation, sign_in: SignIn) -> None:
    old, new = rotation.replaced, rotation.replacement
    ends = f"Being replaced, ends {rotation.deadline:%b} {rotation.deadline.day}"
    luke = sign_in(rebels.luke)
    listed = luke.get(url("list"))
    assert ends in words_of(listed)
    assert "Replaces Nightly jobs" in words_of(listed)
    assert url("rotation", old) in text_of(listed)
    assert "Being replaced by Nightly jobs 2" in words_of(luke.get(url("detail", old)))
    assert "Replaces Nightly jobs" in words_of(luke.get(url("detail", new)))
    everything = sign_in(rebels.leia).get("/console/organization/credentials")
    assert ends in words_of(everything)
    assert url("rotation", new, rebels.luke) in text_of(everything)
    assert "Rotate" not in words_of(luke.get(url("detail", old)))
    assert "which goes on" in words_of(luke.get(url("revoke", old)))
    assert "the rotation is undone" in words_of(luke.get(url("revoke", new)))


def test_status_before_and_after_tick(rebels: Rebels, rotation: Rotation, sign_in: SignIn) -> None:
    at = closed(rotation)
    luke = sign_in(rebels.luke)

    def seen() -> list[Any]:
        old = JwtCredential.objects.get(pk=rotation.replaced_id)
        detail = words_of(luke.get(url("detail", old)))
        return [
            old.status,
            old.status_text,
            "It was replaced by Nightly jobs 2 and stopped on" in detail,
            "Replaced" in words_of(luke.get(url("list"))),
            "Closed" in words_of(luke.get(url("rotation", old))),
            {
                status: [
                    found.pk for found in wanted_of(rebels.organization, Wanted(status=status))
                ]
                for status in ("active", "expired", "replaced", "revoked")
            },
        ]

    expected = [
        "replaced",
        "Replaced",
        True,
        True,
        True,
        {
            "active": [rotation.replacement_id],
            "expired": [],
            "replaced": [rotation.replaced_id],
            "revoked": [],
        },
    ]
    assert seen() == expected
    assert close_rotations(origin=TICK) == 1
    assert seen() == expected
    old = JwtCredential.objects.get(pk=rotation.replaced_id)
    assert (old.revoked_at, old.revoked_by) == (at, rebels.luke.user)
    assert old.revoked_reason == f"Replaced by Nightly jobs 2 ({rotation.replacement_id})."
    event = the_event(AuditKind.JWT_CREDENTIAL_REPLACED)
    assert (event.actor, event.user_agent, event.target_id) == (None, "manage.py tick", str(old.pk))
    assert close_rotations(origin=TICK) == 0
    assert not close_rotation(rotation, origin=TICK, at=timezone.now())


def test_the_page_says_who_has_moved(
    rebels: Rebels, app: App, old: JwtCredential, sign_in: SignIn
) -> None:
    began = timezone.now() - 3 * DAY
    crane = api.app(rebels.leia, name="Hangar Crane")
    before = api.app(rebels.leia, name="Gone Before")
    rotation = rotation_of(old, at=began)
    count = ExchangeUsage.objects.count_exchange
    count(old.pk, before.client.pk, at=began - DAY)
    count(old.pk, app.client.pk, at=began + HOUR)
    count(rotation.replacement_id, app.client.pk, at=began + DAY)
    count(old.pk, crane.client.pk, at=began + DAY)
    for hours, address in ((2, "192.0.2.7"), (3, "2001:db8::7"), (-30, "192.0.2.9")):
        note_use(
            old.pk, crane.client.pk, at=began + hours * HOUR, address=address, is_call=hours == 3
        )
    # A call with an access token of the old one is a use of it too.
    late = began + 2 * DAY
    note_use(old.pk, crane.client.pk, at=late, address=None, is_call=True)
    BackgroundWriter.flush_all()
    progress = [
        (use.application_name, use.has_moved, use.replaced_last_at, use.replacement_last_at)
        for use in rotation.progress
    ]
    assert progress == [
        ("Hangar Crane", False, late, None),
        ("Falcon Dialer", True, began + HOUR, began + DAY),
    ]
    page = words_of(sign_in(rebels.luke).get(url("rotation", old)))
    assert "Hangar Crane" in page
    assert "from 2001:db8::7" in page
    assert "from 192.0.2.7" in page
    assert "192.0.2.9" not in page
    assert "Uses the old one" in page
    assert "Moved" in page
    assert "Gone Before" not in page


def test_a_page_of_a_rotation_nobody_uses(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    page = words_of(sign_in(rebels.luke).get(url("rotation", rotation.replaced)))
    assert "No app has used either of them since the rotation began." in page
    assert "Waiting for the first use of the new one" in page
    assert "After the first use the old one goes on for 24 hours." in page


def test_the_timeline_in_every_state(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    luke = sign_in(rebels.luke)
    answer(app, rotation.replacement)
    page = words_of(luke.get(url("rotation", rotation.replacement)))
    assert "An app used the new one for the first time (done)" in page
    assert "Both work, so that all your machines can move (now)" in page
    closed(rotation)
    page = words_of(luke.get(url("rotation", rotation.replacement)))
    assert "The old one stopped (done)" in page
    assert "More time" not in page


def test_a_never_rotated_one_has_no_such_page(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).get(url("rotation", old), follow=True)
    assert "Nightly jobs is not being rotated." in words_of(response)
    assert "Rotate" in words_of(response)


@pytest.mark.parametrize(
    ("drain", "words"), [(HOUR, "1 hour"), (DAY, "24 hours"), (7 * DAY, "7 days")]
)
def test_the_drain_in_words(drain: timedelta, words: str) -> None:
    assert Rotation(drain=drain).drain_in_words == words


# --- What happens by itself ----------------------------------------------------------------------


def used(credential: JwtCredential, app: App, at: datetime) -> None:
    ExchangeUsage.objects.count_exchange(credential.pk, app.client.pk, at=at)


@pytest.mark.parametrize(
    ("drain", "first_used", "last_used", "hours_later", "told"),
    [
        # Nobody uses the new one, and the deadline of two days is near.
        (DAY, None, 30, 31, 1),
        (DAY, None, 1, 23, 0),
        # The drain of a day is half over, and the old one was used after the first use.
        (DAY, 1, 2, 14, 1),
        (DAY, 1, 2, 12, 0),
        # It was not.
        (DAY, 2, 1, 15, 0),
        (DAY, None, None, 47, 0),
        (HOUR, 1, 1.2, 1.6, 1),
        (HOUR, 1, 1.2, 1.4, 0),
    ],
)
def test_the_owner_is_told_once_that_the_old_one_is_still_in_use(
    rebels: Rebels,
    app: App,
    old: JwtCredential,
    drain: timedelta,
    first_used: float | None,
    last_used: float | None,
    hours_later: float,
    told: int,
) -> None:
    began = timezone.now() - 2 * DAY
    rotation = rotation_of(old, drain=drain, deadline=2 * DAY, at=began)
    if first_used is not None:
        rotation.first_used_at = began + first_used * HOUR
        rotation.save()
        end_at(old, rotation.closes_at)
    if last_used is not None:
        used(old, app, began + last_used * HOUR)
    Email.objects.all().delete()
    at = began + hours_later * HOUR
    assert warn_of_closing(at=at) == told
    assert warn_of_closing(at=at) == 0
    assert len(mails()) == told
    if told:
        assert mails()[0] == (
            ["luke@rebels.example"],
            "Still in use, about to stop: Nightly jobs (sandbox)",
        )
        body = Email.objects.get().message
        assert re.search(rf"Falcon Dialer \({app.client_id}\), last on", body)
        assert ("No app has used the replacement yet." in body) == (first_used is None)
        notice = Notice.objects.get(kind=NoticeKind.ROTATION_CLOSING)
        assert (notice.user, notice.path) == (rebels.luke.user, url("rotation", old))
        assert notice.text.endswith("and is still in use by Falcon Dialer.")


def test_more_time_warns_again(rebels: Rebels, app: App, old: JwtCredential) -> None:
    rotation = rotation_of(old, deadline=HOUR)
    used(old, app, timezone.now())
    assert warn_of_closing() == 1
    extend_rotation(
        rotation,
        until=(timezone.now() + 2 * DAY).date(),
        actor=rebels.luke.user,
        origin=cast.ORIGIN,
    )
    assert warn_of_closing() == 0
    assert warn_of_closing(at=timezone.now() + 2 * DAY) == 1


def test_tick_closes_warns_and_says_what_is_due(rebels: Rebels, rotation: Rotation) -> None:
    assert tick("--dry-run")["Rotations"] == "0 due"
    closed(rotation)
    assert tick("--dry-run")["Rotations"] == "1 due"
    assert not JwtCredential.objects.get(pk=rotation.replaced_id).is_revoked
    assert tick()["Rotations"] == "1 closed"
    assert JwtCredential.objects.get(pk=rotation.replaced_id).is_revoked
    assert tick()["Rotations"] == "0 closed"


def test_rotating_through_the_action_with_a_key_twice(old: JwtCredential) -> None:
    at = timezone.now()
    made = [
        rotate_jwt_credential(
            old,
            label="Again",
            expires_on=None,
            drain=DAY,
            deadline=30 * DAY,
            submission_key=old.submission_key.__class__(int=7),
            actor=old.owner.user,
            origin=cast.ORIGIN,
            at=at,
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
