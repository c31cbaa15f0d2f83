"""Owners get one email before their credentials expire, and only if it helps."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from post_office.models import Email

from accounts import emails
from accounts.actions.extensions import change_extension
from accounts.actions.memberships import change_role, deactivate, reactivate
from accounts.environments import Environment
from accounts.models import Membership, Notice
from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from credentials.actions import reminders
from credentials.actions.reminders import remind_owners
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import ExchangeUsage, JwtCredential
from tests import cast
from tests.conftest import Rebels
from tests.races import at_once, shared_database
from tests.ticks import tick

pytestmark = pytest.mark.django_db

CREATED = datetime(2031, 1, 1, 10, tzinfo=UTC)
# Sixty days and a bit: it expires on 2031-03-02 at 23:59:59 UTC.
LASTS = 60
ONE = """Hello Luke,

Your JWT credential expires soon:

  - Contractor Key (sandbox)
    Expires:  Mar 2, 2031, 23:59 UTC
    Used by:  Falcon Dialer

Once a credential expires, apps can’t exchange its JWT, and their access tokens stop working.
You can’t change the expiration date. Instead, choose Rotate on the credential’s page: you get a
new JWT, and the old one works until your apps have switched or until it expires.

http://localhost:8000/console/my-credentials/{pk}
"""
SEVERAL = """Hello Luke,

Your JWT credentials expire soon:

  - First (sandbox)
    Expires:  Feb 28, 2031, 23:59 UTC
    Used by:  no app in the last 30 days

  - Second {{{{ 7|add:1 }}}} & <more> (production)
    Expires:  Mar 2, 2031, 23:59 UTC
    Used by:  no app in the last 30 days

Once a credential expires, apps can’t exchange its JWT, and their access tokens stop working.
You can’t change the expiration date. Instead, choose Rotate on the credential’s page: you get a
new JWT, and the old one works until your apps have switched or until it expires.

http://localhost:8000/console/my-credentials
"""


def credential(owner: Membership, *, days: int = LASTS, **facts: Any) -> JwtCredential:
    """It expires at the end of the day that is so many days after its creation."""
    expires_on = (CREATED + timedelta(days=days)).date()
    with emails.withheld():
        return cast.credential(owner, expires_on=expires_on, at=CREATED, **facts)


def before_expiry(made: JwtCredential, days: float) -> datetime:
    return made.expires_at - timedelta(days=days)


def told() -> list[str]:
    return [str(email.subject) for email in Email.objects.order_by("pk")]


def bodies() -> list[str]:
    return [str(email.message) for email in Email.objects.order_by("pk")]


def test_reminders_come_thirty_seven_and_one_day_before_expiry(rebels: Rebels) -> None:
    made = credential(rebels.luke)
    sent = [
        (days, remind_owners(at=before_expiry(made, days)))
        for days in (45, 30.1, 30, 29, 8, 7, 6.9, 2, 1, 0.9, 0.1, -0.1, -40)
    ]
    assert [days for days, count in sent if count] == [30, 7, 1]
    assert sum(count for _days, count in sent) == 3
    assert JwtCredential.objects.get().reminded_days == 1


def test_the_reminder_says_what_expires_and_which_apps_use_it(rebels: Rebels) -> None:
    client, _ = cast.client(cast.application(rebels.luke))
    made = credential(rebels.luke)
    ExchangeUsage.objects.count_exchange(made.pk, client.pk, at=before_expiry(made, 8))
    at = before_expiry(made, 6)
    assert remind_owners(at=at) == 1
    [email] = Email.objects.all()
    assert email.to == ["luke@rebels.example"]
    assert told() == [
        "Your sandbox JWT credential expires on Mar 2, 2031, 23:59 UTC: Contractor Key"
    ]
    assert bodies() == [ONE.format(pk=made.pk)]
    notice = Notice.objects.get()
    assert (notice.user, notice.at, notice.path) == (
        rebels.luke.user,
        at,
        f"/console/my-credentials/{made.pk}",
    )
    assert notice.text == (
        "Your sandbox JWT credential “Contractor Key” expires on Mar 2, 2031, 23:59 UTC."
    )


def test_an_owner_gets_one_reminder_for_several_credentials(rebels: Rebels) -> None:
    first = credential(rebels.luke, label="First", days=58)
    credential(
        rebels.luke, label="Second {{ 7|add:1 }} & <more>", environment=Environment.PRODUCTION
    )
    other = credential(rebels.leia, label="Hers")
    # A day before the first of them: the others are due for the reminder of seven days.
    assert remind_owners(at=before_expiry(first, 1)) == 3
    assert sorted(told()) == [
        "2 of your JWT credentials expire soon",
        "Your sandbox JWT credential expires on Mar 2, 2031, 23:59 UTC: Hers",
    ]
    assert SEVERAL.format() in bodies()
    assert sorted(JwtCredential.objects.values_list("label", "reminded_days")) == [
        ("First", 1),
        ("Hers", 7),
        ("Second {{ 7|add:1 }} & <more>", 7),
    ]
    assert rebels.luke.user.notices.get().text == (
        "2 of your JWT credentials expire soon, the first one on Feb 28, 2031, 23:59 UTC."
    )
    assert rebels.leia.user.notices.get().path.endswith(str(other.pk))


@pytest.mark.parametrize(
    ("days", "expected"),
    [(0, []), (1, []), (2, [1]), (5, [1]), (7, [1]), (8, [7, 1]), (30, [7, 1]), (31, [30, 7, 1])],
)
def test_short_lived_credentials_get_only_the_reminders_that_fit(
    days: int, expected: list[int], rebels: Rebels
) -> None:
    made = credential(rebels.luke, days=days)
    hours = range(0, 24 * (days + 1), 6)
    sent = [at for hour in hours if remind_owners(at=(at := CREATED + timedelta(hours=hour)))]
    assert [-((at - made.expires_at) // timedelta(days=1)) for at in sent] == expected


def test_after_days_without_tick_only_the_last_reminder_is_sent(rebels: Rebels) -> None:
    made = credential(rebels.luke)
    assert remind_owners(at=before_expiry(made, 0.5)) == 1
    assert remind_owners(at=before_expiry(made, 0.4)) == 0
    assert len(told()) == 1


def test_no_reminder_for_credentials_that_ended_or_never_expire(rebels: Rebels) -> None:
    revoked = credential(rebels.luke)
    with emails.withheld():
        cast.credential(rebels.luke, at=CREATED)
        revoke_jwt_credential(
            revoked, reason="", actor=rebels.luke.user, origin=cast.ORIGIN, at=CREATED
        )
    assert remind_owners(at=before_expiry(revoked, 1)) == 0


def test_no_reminder_to_owners_who_cannot_authenticate(rebels: Rebels) -> None:
    made = credential(rebels.luke)
    at = before_expiry(made, 6)
    decided: dict[str, Any] = {"actor": rebels.leia.user, "origin": cast.ORIGIN}
    login, user_role = made.extension, "standard_user"
    reminded = {}
    with emails.withheld():
        deactivate(rebels.luke, **decided)
        reminded["deactivated"] = remind_owners(at=at)
        reactivate(rebels.luke, **decided)
        change_role(rebels.luke, role=ConsoleRole.AUDITOR, is_account_admin=False, **decided)
        reminded["auditor"] = remind_owners(at=at)
        change_role(rebels.luke, role=ConsoleRole.DEVELOPER, is_account_admin=False, **decided)
        change_extension(login, user_role=user_role, status=ExtensionStatus.DISABLED, **decided)
        reminded["login disabled"] = remind_owners(at=at)
        change_extension(login, user_role=user_role, status=ExtensionStatus.ENABLED, **decided)
        reminded["all is well"] = remind_owners(at=at)
    assert reminded == {"deactivated": 0, "auditor": 0, "login disabled": 0, "all is well": 1}


def test_batches_of_reminders_reach_every_owner(
    rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "OWNERS_AT_ONCE", 1)
    people = (rebels.luke, rebels.han, rebels.leia)
    made = [credential(person) for person in people for _ in range(2)]
    assert remind_owners(at=before_expiry(made[0], 1)) == 6
    assert sorted(email.to for email in Email.objects.all()) == [
        ["han@rebels.example"],
        ["leia@rebels.example"],
        ["luke@rebels.example"],
    ]


def test_tick_sends_the_reminders(rebels: Rebels) -> None:
    today = timezone.now()
    with emails.withheld():
        cast.credential(
            rebels.luke,
            expires_on=date.fromordinal(today.toordinal() + 5),
            at=today - timedelta(days=90),
        )
    assert tick("--dry-run")["Expiry reminders"] == "1 due"
    assert JwtCredential.objects.get().reminded_days is None
    said = tick()
    assert said["Expiry reminders"] == "1 reported"
    assert said["Email"] == "1 sent, 0 to retry, 0 failed"
    assert [message.to for message in mail.outbox] == [["luke@rebels.example"]]
    assert tick()["Expiry reminders"] == "0 reported"


@pytest.mark.django_db(transaction=True)
def test_two_simultaneous_ticks_send_one_reminder(rebels: Rebels, tmp_path: Path) -> None:
    made = credential(rebels.luke)
    at = before_expiry(made, 1)
    with emails.left_to_tick(), shared_database(tmp_path):
        assert sorted(at_once(*[lambda: remind_owners(at=at)] * 4)) == [0, 0, 0, 1]
        assert Email.objects.count() == 1
        assert Notice.objects.count() == 1
