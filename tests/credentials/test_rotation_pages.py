"""The pages of a rotation, and what tick does about it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from post_office.models import Email

from accounts.models import AuditKind, Notice, NoticeKind
from core.background import BackgroundWriter
from core.origin import Origin
from credentials.actions.rotations import (
    close_rotation,
    close_rotations,
    extend_rotation,
    warn_of_closing,
)
from credentials.models import ExchangeUsage, JwtCredential, Rotation
from credentials.models.usage import Called, note_use
from credentials.reports.credential_list import CredentialFilter, matching_credentials
from credentials.wording import status_in_words
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import text_of, the_event, url, words_of
from tests.credentials.rotating import DAY, HOUR, answer, closed, emails, end_at, rotation_of
from tests.ticks import tick

CALLED = Called("rest-api", "get-account")

TICK = Origin.command("tick")


def test_pages_and_lists_link_old_credential_and_replacement(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
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
    assert "which will keep working" in words_of(luke.get(url("revoke", old)))
    assert "Revoking it will undo the rotation" in words_of(luke.get(url("revoke", new)))


def test_a_replaced_credential_shows_the_same_status_before_and_after_tick(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    at = closed(rotation)
    luke = sign_in(rebels.luke)

    def seen() -> list[Any]:
        old = JwtCredential.objects.get(pk=rotation.replaced_id)
        detail = words_of(luke.get(url("detail", old)))
        return [
            old.status,
            status_in_words(old),
            "Nightly jobs 2 replaced it on" in detail,
            "Replaced" in words_of(luke.get(url("list"))),
            "Finished" in words_of(luke.get(url("rotation", old))),
            {
                status: [
                    found.pk
                    for found in matching_credentials(
                        rebels.organization, CredentialFilter(status=status)
                    )
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


def test_the_rotation_page_shows_which_apps_use_the_replacement(
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
        called = CALLED if hours == 3 else None
        at = began + hours * HOUR
        note_use(old.pk, crane.client.pk, at=at, address=address, called=called)
    # A call with an access token of the old credential counts as a use of it.
    late = began + 2 * DAY
    note_use(old.pk, crane.client.pk, at=late, address=None, called=CALLED)
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
    assert "Uses the old credential" in page
    assert "Uses the replacement" in page
    assert "Gone Before" not in page


def test_the_rotation_page_before_any_use(
    rebels: Rebels, rotation: Rotation, sign_in: SignIn
) -> None:
    page = words_of(sign_in(rebels.luke).get(url("rotation", rotation.replaced)))
    assert "No app has used either credential since the rotation started." in page
    assert "Waiting for the first use of the replacement" in page
    assert "Both credentials work for 24 hours after the first use of the replacement." in page


def test_the_steps_of_a_rotation_after_first_use_and_after_it_closed(
    rebels: Rebels, app: App, rotation: Rotation, sign_in: SignIn
) -> None:
    luke = sign_in(rebels.luke)
    answer(app, rotation.replacement)
    page = words_of(luke.get(url("rotation", rotation.replacement)))
    assert "An app used the replacement for the first time (done)" in page
    assert "Grace period: both credentials work (in progress)" in page
    closed(rotation)
    page = words_of(luke.get(url("rotation", rotation.replacement)))
    assert "Old credential stopped working (done)" in page
    assert "Extend the deadline" not in page


def test_the_rotation_page_of_a_credential_that_was_never_rotated_redirects(
    rebels: Rebels, old: JwtCredential, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).get(url("rotation", old), follow=True)
    assert "Nightly jobs isn’t being rotated." in words_of(response)
    assert "Rotate" in words_of(response)


@pytest.mark.parametrize(
    ("grace_period", "words"), [(HOUR, "1 hour"), (DAY, "24 hours"), (7 * DAY, "7 days")]
)
def test_the_grace_period_in_words(grace_period: timedelta, words: str) -> None:
    assert Rotation(grace_period=grace_period).grace_period_in_words == words


def used(credential: JwtCredential, app: App, at: datetime) -> None:
    ExchangeUsage.objects.count_exchange(credential.pk, app.client.pk, at=at)


@pytest.mark.parametrize(
    ("grace_period", "first_used", "last_used", "hours_later", "told"),
    [
        # No app uses the replacement, and the deadline of two days is near.
        (DAY, None, 30, 31, 1),
        (DAY, None, 1, 23, 0),
        # Half of the grace period is over, and the old credential was used during it.
        (DAY, 1, 2, 14, 1),
        (DAY, 1, 2, 12, 0),
        # It was not used after the first use.
        (DAY, 2, 1, 15, 0),
        (DAY, None, None, 47, 0),
        (HOUR, 1, 1.2, 1.6, 1),
        (HOUR, 1, 1.2, 1.4, 0),
    ],
)
def test_the_owner_is_warned_once_while_the_old_credential_is_in_use(
    rebels: Rebels,
    app: App,
    old: JwtCredential,
    grace_period: timedelta,
    first_used: float | None,
    last_used: float | None,
    hours_later: float,
    told: int,
) -> None:
    began = timezone.now() - 2 * DAY
    rotation = rotation_of(old, grace_period=grace_period, deadline=2 * DAY, at=began)
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
    assert len(emails()) == told
    if told:
        assert emails()[0] == (
            ["luke@rebels.example"],
            "Still in use and about to stop working: Nightly jobs (sandbox)",
        )
        body = Email.objects.get().message
        assert re.search(rf"Falcon Dialer \({app.client_id}\): last used it on", body)
        assert ("No app has used the replacement yet." in body) == (first_used is None)
        notice = Notice.objects.get(kind=NoticeKind.ROTATION_CLOSING)
        assert (notice.user, notice.path) == (rebels.luke.user, url("rotation", old))
        assert notice.text.endswith("but Falcon Dialer still uses it.")


def test_an_extended_rotation_warns_again(rebels: Rebels, app: App, old: JwtCredential) -> None:
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


def test_tick_closes_rotations_and_reports_due_ones(rebels: Rebels, rotation: Rotation) -> None:
    assert tick("--dry-run")["Rotations"] == "0 due"
    closed(rotation)
    assert tick("--dry-run")["Rotations"] == "1 due"
    assert not JwtCredential.objects.get(pk=rotation.replaced_id).is_revoked
    assert tick()["Rotations"] == "1 closed"
    assert JwtCredential.objects.get(pk=rotation.replaced_id).is_revoked
    assert tick()["Rotations"] == "0 closed"
