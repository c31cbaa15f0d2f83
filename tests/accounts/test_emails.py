"""The queue of emails, and an email server that fails."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError
from post_office.mail import send_queued
from post_office.models import STATUS, Email
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts.emails import queue_text
from console import env as environment
from console.management.commands import tick as tick_command
from tests.accounts import email_servers
from tests.conftest import Rebels, SignIn, UseEmailServer
from tests.ticks import make_email_due, tick

pytestmark = pytest.mark.django_db


def statuses() -> list[int]:
    return list(Email.objects.order_by("pk").values_list("status", flat=True))


def test_an_email_is_sent_after_commit_and_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue_text(["a@b.example", "c@d.example"], "Subject", "Body {{ x }} {% now 'Y' %} <b>&")
        assert statuses() == [STATUS.queued, STATUS.queued]
        assert mail.outbox == []
    assert statuses() == [STATUS.sent, STATUS.sent]
    assert [message.to for message in mail.outbox] == [["a@b.example"], ["c@d.example"]]
    assert {message.body for message in mail.outbox} == {"Body {{ x }} {% now 'Y' %} <b>&"}
    make_email_due()
    assert tick()["Email"] == "0 sent, 0 to retry, 0 failed"


@pytest.mark.parametrize(
    ("host", "platform_name", "sender"),
    [
        ("developers.acme.example", "Acme", "Acme <console@developers.acme.example>"),
        ("192.0.2.7", "Acme", "Acme <console@[192.0.2.7]>"),
        ("[2001:db8::7]", "Acme", "Acme <console@localhost>"),
        ("console", "Acme", "Acme <console@localhost>"),
        ("localhost", "Acme", "Acme <console@localhost>"),
        ("acme.example", "<Acme>", "console@acme.example"),
        ("acme.example", "\N{SNOWMAN}" * 100, "console@acme.example"),
    ],
)
def test_emails_have_a_sender_wherever_the_console_is(
    host: str,
    platform_name: str,
    sender: str,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.DEFAULT_FROM_EMAIL = environment.sender(
        environment.Problems(), platform_name=platform_name, origin=f"https://{host}:8443"
    )
    with django_capture_on_commit_callbacks(execute=True):
        queue_text(["a@b.example"], "Subject", "Body")
    assert statuses() == [STATUS.sent]
    [message] = mail.outbox
    assert message.from_email == message.message()["From"] == sender


def test_tick_leaves_the_first_attempt_to_the_request() -> None:
    queue_text(["a@b.example"], "Subject", "Body")
    assert tick()["Email"] == "0 sent, 0 to retry, 0 failed"
    make_email_due()
    assert tick("--dry-run")["Email"] == "1 due"
    assert mail.outbox == []
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"
    assert len(mail.outbox) == 1


def test_an_email_outlives_a_dead_server(
    rebels: Rebels,
    sign_in: SignIn,
    use_email_server: UseEmailServer,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_email_server(email_servers.DOWN)
    with django_capture_on_commit_callbacks(execute=True):
        response = sign_in(rebels.wedge).post("/console/request-access", {"reason": "To fly."})
    assert response.status_code == 302
    assert statuses() == [STATUS.queued]
    make_email_due()
    assert tick()["Email"] == "0 sent, 1 to retry, 0 failed"
    assert statuses() == [STATUS.requeued]
    assert tick()["Email"] == "0 sent, 0 to retry, 0 failed"
    make_email_due()
    use_email_server(email_servers.WORKING)
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"
    assert [message.to for message in mail.outbox] == [["leia@rebels.example"]]


def test_dead_server_is_asked_once_per_request(
    use_email_server: UseEmailServer,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    use_email_server(email_servers.DOWN)
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


def test_dry_run_counts_beyond_one_batch_of_emails() -> None:
    queue_text([f"{number}@b.example" for number in range(120)], "Subject", "Body")
    make_email_due()
    assert tick("--dry-run")["Email"] == "120 due"


@pytest.mark.parametrize("where", ["on this machine", "on another machine"])
def test_a_second_tick_sends_nothing_meanwhile(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines have their own files, and share the cache; a file is enough for one machine."""
    queue_text(["a@b.example"], "Subject", "Body")
    make_email_due()
    second = []

    def send_with_another_at_work() -> tuple[int, int, int]:
        with monkeypatch.context() as other:
            if where == "on another machine":
                other.setattr(tempfile, "tempdir", str(tmp_path))
            else:
                cache.clear()
            second.append(tick_command.send_emails())
        counts: tuple[int, int, int] = send_queued()
        return counts

    monkeypatch.setattr(tick_command, "send_queued", send_with_another_at_work)
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"
    assert second == ["another tick is sending it"]
    assert len(mail.outbox) == 1


def test_a_tick_that_fails_keeps_no_other_from_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    queue_text(["a@b.example"], "Subject", "Body")
    make_email_due()
    with monkeypatch.context() as broken:
        broken.setattr(tick_command, "send_queued", lambda: 1 / 0)
        with pytest.raises(CommandError, match="Email"):
            tick()
    assert tick()["Email"] == "1 sent, 0 to retry, 0 failed"


def test_a_tick_that_lost_its_turn_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache was restarted, and another machine began to send meanwhile."""
    queue_text([f"{number}@b.example" for number in range(120)], "Subject", "Body")
    make_email_due()
    with ExitStack() as another, monkeypatch.context() as changed:

        def send_while_another_begins() -> tuple[int, int, int]:
            counts: tuple[int, int, int] = send_queued()
            cache.clear()
            another.enter_context(tick_command._turns())()
            return counts

        changed.setattr(tick_command, "send_queued", send_while_another_begins)
        assert tick()["Email"] == "another tick is sending it"
        assert len(mail.outbox) == 100
        assert tick()["Email"] == "another tick is sending it"
    assert tick()["Email"] == "20 sent, 0 to retry, 0 failed"
