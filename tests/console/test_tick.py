"""`manage.py tick` does all due work, and can run any number of times."""

from datetime import UTC, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone
from post_office.models import STATUS, Email
from structlog.testing import capture_logs

from accounts import emails
from accounts.actions.seals import seal_events
from accounts.emails import queue_text
from accounts.models import AuditEvent, AuditKind, AuditSeal, Device, Notice
from console.management.commands import tick as tick_command
from credentials.models import AddressUse, CallUsage, ExchangeUsage
from credentials.models.usage import Use
from tests import cast, ticks
from tests.conftest import Rebels, SignIn
from tests.ticks import tick

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def old_sessions_and_emails(rebels: Rebels, sign_in: SignIn) -> None:
    sign_in(rebels.leia)
    sign_in(rebels.luke)
    stale = Session.objects.all()[:1].get()
    stale.expire_date = timezone.now() - timedelta(days=1)
    stale.save()
    queue_text(["old@b.example", "new@b.example"], "Subject", "Body")
    Email.objects.filter(to="old@b.example").update(
        created=timezone.now() - timedelta(days=31), status=STATUS.sent
    )


def old_notices(rebels: Rebels) -> None:
    """Kept: unread and read ones of 89 days, an unread one of 179. Gone: a read one of 91."""
    now = timezone.now()
    for days, read in ((89, True), (89, False), (91, True), (179, False), (181, False)):
        Notice.objects.create(
            user=rebels.luke.user,
            kind="reactivated",
            text=f"{days} days",
            path="/console/",
            at=now - timedelta(days=days),
            read_at=now if read else None,
        )


def old_devices(rebels: Rebels) -> None:
    """Luke's last browser stays, however long ago that was."""
    now = timezone.now()
    for member, days in (
        (rebels.luke, 500),
        (rebels.luke, 450),
        (rebels.han, 450),
        (rebels.han, 1),
    ):
        Device.objects.create(
            user=member.user,
            token_digest=f"{days}",
            first_seen_at=now - timedelta(days=600),
            last_seen_at=now - timedelta(days=days),
        )


def old_usage(rebels: Rebels) -> list[object]:
    """Kept: counts of 400 days, an address of 89. Gone: counts of 401 days, an address of 91."""
    now = timezone.now()
    with emails.withheld():
        client, _ = cast.client(cast.application(rebels.luke))
        credential = cast.credential(rebels.luke, at=now - timedelta(days=500))
    for days in (400, 401):
        at = now - timedelta(days=days)
        ExchangeUsage.objects.count_exchange(credential.pk, client.pk, at=at)
        day = at.astimezone(UTC).date()
        key = (credential.pk, client.pk, day, "orders", "listOrders")
        CallUsage.objects.add_counts([(*key, 1, at)])
    for days in (89, 91):
        seen = Use(credential.pk, client.pk, now - timedelta(days=days), f"192.0.2.{days}")
        AddressUse.objects.note([seen])
    return [
        ExchangeUsage.objects.latest("day"),
        CallUsage.objects.latest("day"),
        AddressUse.objects.latest("last_at"),
    ]


def usage_rows() -> list[object]:
    return [row for model in (ExchangeUsage, CallUsage, AddressUse) for row in model.objects.all()]


def test_tick_removes_old_rows_once(rebels: Rebels, sign_in: SignIn) -> None:
    old_sessions_and_emails(rebels, sign_in)
    old_notices(rebels)
    old_devices(rebels)
    kept_usage = old_usage(rebels)
    seal_events()
    due = [
        "Expiry reminders: 0 due.",
        "Expired invitations: 0 due.",
        "Rotations: 0 due.",
        "Rotations about to close: 0 due.",
        "Pauses that no one missed: 0 due.",
        "Email: 0 due.",
        "Expired sessions: 1 due.",
        "Emails older than 30 days: 1 due.",
        "Former client secrets: 0 due.",
        "Dead tokens: 0 due.",
        "Old notices: 2 due.",
        "Forgotten browsers: 2 due.",
        "Old refusals: 0 due.",
        "Old usage: 3 due.",
        "Audit events: 0 due.",
    ]
    assert ticks.lines("--dry-run") == due
    assert ticks.lines("--dry-run") == due
    assert ticks.lines() == [
        "Expiry reminders: 0 reported.",
        "Expired invitations: 0 reported.",
        "Rotations: 0 closed.",
        "Rotations about to close: 0 reported.",
        "Pauses that no one missed: 0 reported.",
        "Email: 0 sent, 0 to retry, 0 failed.",
        "Expired sessions: 1 removed.",
        "Emails older than 30 days: 1 removed.",
        "Former client secrets: 0 removed.",
        "Dead tokens: 0 removed.",
        "Old notices: 2 removed.",
        "Forgotten browsers: 2 removed.",
        "Old refusals: 0 removed.",
        "Old usage: 3 removed.",
        "Audit events: 0 sealed.",
    ]
    assert {outcome.partition(" ")[0] for outcome in tick().values()} == {"0"}
    assert [email.to for email in Email.objects.all()] == [["new@b.example"]]
    assert Session.objects.count() == 1
    assert usage_rows() == kept_usage
    kept = Notice.objects.order_by("-at").values_list("text", flat=True)
    assert sorted(kept) == ["179 days", "89 days", "89 days"]
    assert sorted(Device.objects.values_list("user__email", "token_digest")) == [
        ("han@rebels.example", "1"),
        ("luke@rebels.example", "450"),
    ]


def test_tick_removes_no_audit_event(rebels: Rebels, sign_in: SignIn) -> None:
    """Not even a very old one."""
    ages_ago = timezone.now() - timedelta(days=9000)
    AuditEvent.objects.create(
        at=ages_ago, kind=AuditKind.JWT_CREDENTIAL_REVOKED, organization=rebels.organization
    )
    old_sessions_and_emails(rebels, sign_in)
    old_usage(rebels)
    there = set(AuditEvent.objects.values_list("pk", "at"))
    assert tick()["Old usage"] == "3 removed"
    assert tick()["Audit events"] == "0 sealed"
    assert set(AuditEvent.objects.values_list("pk", "at")) >= there
    sealed = set(AuditSeal.objects.values_list("event_id", flat=True))
    assert {pk for pk, _ in there} <= sealed


def failing(*_: object) -> int:
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_failed_part_does_not_stop_the_others(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tick_command.Job("Broken", failing, failing, "done")
    monkeypatch.setattr(tick_command, "PARTS", (broken, *tick_command.PARTS))
    output = StringIO()
    with (
        capture_logs() as logged,
        pytest.raises(CommandError, match=r"Failed: Broken\. See the log for the reason\."),
    ):
        call_command("tick", *arguments, stdout=output)
    assert len(output.getvalue().splitlines()) == len(tick_command.PARTS) - 1
    [entry] = [line for line in logged if line["event"] == "tick_part_failed"]
    assert entry["part"] == "Broken"
    assert entry["log_level"] == "error"
