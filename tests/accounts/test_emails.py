"""The queue of mails, and `manage.py tick` that empties it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone
from post_office.models import STATUS, Email
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.testing import capture_logs

from accounts.actions.seals import seal_events
from accounts.emails import queue_text
from console.management.commands import tick as tick_command
from tests.accounts import mail_servers
from tests.accounts.conftest import UseMailServer
from tests.conftest import Rebels, SignIn

pytestmark = pytest.mark.django_db


def tick(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("tick", *arguments, stdout=output)
    return output.getvalue().splitlines()


def make_due() -> None:
    Email.objects.update(scheduled_time=timezone.now() - timedelta(seconds=1))


def statuses() -> list[int]:
    return list(Email.objects.order_by("pk").values_list("status", flat=True))


def test_mail_is_sent_after_commit_and_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue_text(["a@b.example", "c@d.example"], "Subject", "Body {{ x }} {% now 'Y' %} <b>&")
        assert statuses() == [STATUS.queued, STATUS.queued]
        assert mail.outbox == []
    assert statuses() == [STATUS.sent, STATUS.sent]
    assert [message.to for message in mail.outbox] == [["a@b.example"], ["c@d.example"]]
    assert {message.body for message in mail.outbox} == {"Body {{ x }} {% now 'Y' %} <b>&"}
    make_due()
    assert tick()[0] == "Mail: 0 sent, 0 to be tried again, 0 given up."


def test_tick_leaves_the_first_attempt_to_the_request() -> None:
    queue_text(["a@b.example"], "Subject", "Body")
    assert tick()[0] == "Mail: 0 sent, 0 to be tried again, 0 given up."
    make_due()
    assert tick("--dry-run")[0] == "Mail: 1 due."
    assert mail.outbox == []
    assert tick()[0] == "Mail: 1 sent, 0 to be tried again, 0 given up."
    assert len(mail.outbox) == 1


def test_mail_outlives_a_dead_server(
    rebels: Rebels,
    sign_in: SignIn,
    use_mail_server: UseMailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_mail_server(mail_servers.DOWN)
    with django_capture_on_commit_callbacks(execute=True):
        response = sign_in(rebels.wedge).post("/console/request-access", {"reason": "To fly."})
    assert response.status_code == 302
    assert statuses() == [STATUS.queued]
    make_due()
    assert tick()[0] == "Mail: 0 sent, 1 to be tried again, 0 given up."
    assert statuses() == [STATUS.requeued]
    assert tick()[0] == "Mail: 0 sent, 0 to be tried again, 0 given up."
    make_due()
    use_mail_server(mail_servers.WORKING)
    assert tick()[0] == "Mail: 1 sent, 0 to be tried again, 0 given up."
    assert [message.to for message in mail.outbox] == [["leia@rebels.example"]]


def test_dead_server_is_asked_once_per_request(
    use_mail_server: UseMailServer,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_mail_server(mail_servers.DOWN)
    attempts = []
    dispatch = Email.dispatch

    def counted(email: Email, **options: bool) -> int:
        attempts.append(email)
        status: int = dispatch(email, **options)
        return status

    monkeypatch.setattr(Email, "dispatch", counted)
    with django_capture_on_commit_callbacks(execute=True):
        queue_text([f"{number}@b.example" for number in range(5)], "Subject", "Body")
    assert len(attempts) == 1
    assert statuses() == [STATUS.queued] * 5


def test_tick_removes_what_is_old(rebels: Rebels, sign_in: SignIn) -> None:
    sign_in(rebels.leia)
    sign_in(rebels.luke)
    stale = Session.objects.all()[:1].get()
    stale.expire_date = timezone.now() - timedelta(days=1)
    stale.save()
    queue_text(["old@b.example", "new@b.example"], "Subject", "Body")
    Email.objects.filter(to="old@b.example").update(
        created=timezone.now() - timedelta(days=31), status=STATUS.sent
    )
    seal_events()
    due = [
        "Mail: 0 due.",
        "Expired sessions: 1 due.",
        "Mail older than 30 days: 1 due.",
        "Dead tokens: 0 due.",
        "Audit events: 0 due.",
    ]
    assert tick("--dry-run") == due
    assert tick("--dry-run") == due
    assert tick()[1:] == [
        "Expired sessions: 1 removed.",
        "Mail older than 30 days: 1 removed.",
        "Dead tokens: 0 forgotten.",
        "Audit events: 0 sealed.",
    ]
    assert tick()[1:] == [
        "Expired sessions: 0 removed.",
        "Mail older than 30 days: 0 removed.",
        "Dead tokens: 0 forgotten.",
        "Audit events: 0 sealed.",
    ]
    assert [email.to for email in Email.objects.all()] == [["new@b.example"]]
    assert Session.objects.count() == 1


def test_dry_run_counts_beyond_one_batch_of_mail() -> None:
    queue_text([f"{number}@b.example" for number in range(120)], "Subject", "Body")
    make_due()
    assert tick("--dry-run")[0] == "Mail: 120 due."


def failing() -> int:
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_part_that_fails_keeps_no_other_from_running(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tick_command.Part("Broken", failing, failing, "done")
    monkeypatch.setattr(tick_command, "PARTS", (broken, *tick_command.PARTS))
    output = StringIO()
    with (
        capture_logs() as logged,
        pytest.raises(CommandError, match=r"Failed: Broken\. The log says why\."),
    ):
        call_command("tick", *arguments, stdout=output)
    assert len(output.getvalue().splitlines()) == len(tick_command.PARTS) - 1
    [entry] = [line for line in logged if line["event"] == "tick_part_failed"]
    assert entry["part"] == "Broken"
    assert entry["log_level"] == "error"
