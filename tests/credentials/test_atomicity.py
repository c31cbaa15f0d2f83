"""All of it or nothing: a failure in the middle, two at the same moment, a killed server."""

import itertools
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count
from django.test import Client as Browser
from post_office.models import Email

from accounts import audit, emails
from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind
from credentials import jose
from credentials.actions import jwt_credentials as actions
from credentials.actions.signing_keys import current_signing_key
from credentials.models import AppAccess, JwtCredential, PermittedClient, SigningKey
from credentials.models.signing_keys import KeyPurpose
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.pages import submission, the_event, url
from tests.credentials.running_console import RunningConsole, SharedDatabase
from tests.races import at_once, shared_database

pytestmark = pytest.mark.both_databases

# --- A failure in the middle ---------------------------------------------------------------------


class Broken(Exception):
    pass


def fail(*args: object, **kwargs: object) -> None:
    raise Broken


def everything() -> list[Any]:
    return [
        AuditEvent.objects.count(),
        Email.objects.count(),
        SigningKey.objects.count(),
        list(JwtCredential.objects.values()),
        list(PermittedClient.objects.values()),
    ]


@pytest.mark.parametrize(
    ("late", "name", "fields"),
    [
        ("record", "create", {"app_access": "specific"}),
        ("record", "detail", {"label": "New", "app_access": "organization"}),
        ("record", "revoke", {"reason": "Lost"}),
        ("record", "show", {}),
        # The others send no email.
        ("email", "create", {"app_access": "specific"}),
        ("email", "revoke", {"reason": "Lost"}),
    ],
)
def test_an_action_that_fails_late_leaves_no_trace(
    rebels: Rebels,
    apps: Apps,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    late: str,
    name: str,
    fields: dict[str, Any],
) -> None:
    clients = [apps.dialer, apps.crane]
    credential = None if name == "create" else cast.credential(rebels.luke, clients=clients)
    if credential is None:
        ids = [client.client_id for client in clients]
        fields = submission(**fields, client_ids=ids)
    # The owner gets an email about a revoked credential only if someone else revoked it.
    through = rebels.luke if name == "revoke" else None
    browser = cast.step_up(sign_in(rebels.han if through else rebels.luke))
    before = everything()
    if late == "record":
        monkeypatch.setattr(audit, "record", fail)
    else:
        monkeypatch.setattr(emails, "queue", fail)
    with pytest.raises(Broken):
        browser.post(url(name, credential, through), fields)
    assert everything() == before


def test_an_email_that_can_t_be_sent_now_keeps_the_credential(
    rebels: Rebels,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """It stays queued, committed with the credential."""
    monkeypatch.setattr(Email, "dispatch", fail)
    with django_capture_on_commit_callbacks(execute=True):
        response = sign_in(rebels.luke).post(url("create"), submission())
    assert response.status_code == 302
    assert JwtCredential.objects.count() == Email.objects.count() == 1


# --- Two at the same moment ----------------------------------------------------------------------


@pytest.fixture
def _one_database(rebels: Rebels, tmp_path: Path) -> Iterator[None]:
    with shared_database(tmp_path):
        yield


@pytest.fixture
def _slow_commit(rebels: Rebels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions stay open after their audit event, so that two of them meet."""
    record = audit.record

    def slow(*args: Any, **kwargs: Any) -> AuditEvent:
        event = record(*args, **kwargs)
        time.sleep(0.15)
        return event

    monkeypatch.setattr(audit, "record", slow)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database", "_slow_commit")
@pytest.mark.parametrize("environments", [("sandbox", "sandbox"), ("sandbox", "production")])
def test_a_create_form_sent_twice_at_once_creates_one_credential(
    rebels: Rebels, sign_in: SignIn, environments: tuple[str, str]
) -> None:
    data = submission()
    for environment in Environment:
        current_signing_key(environment, KeyPurpose.CREDENTIAL)

    def send(browser: Browser, environment: str) -> Callable[[], Any]:
        return lambda: browser.post(url("create"), data | {"environment": environment})

    responses = at_once(*(send(sign_in(rebels.luke), where) for where in environments))
    credential = JwtCredential.objects.get()
    assert the_event(AuditKind.JWT_CREDENTIAL_CREATED).target_id == str(credential.pk)
    created = url("created", credential)
    # For another environment it is not the same form: refused, with its own words.
    expected = [created, created if environments[0] == environments[1] else None]
    locations = [response.get("Location") for response in responses]
    assert sorted(map(str, locations)) == sorted(map(str, expected))
    assert all(response.status_code in {302, 200} for response in responses)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database", "_slow_commit")
def test_a_key_of_someone_else_at_the_same_moment(rebels: Rebels) -> None:
    key = uuid.uuid4()

    def create(owner: Any) -> Callable[[], JwtCredential]:
        return lambda: actions.create_jwt_credential(
            owner,
            environment=Environment.SANDBOX,
            label="Mine",
            app_access=AppAccess.ORGANIZATION,
            client_ids=[],
            expires_on=None,
            submission_key=key,
            actor=owner.user,
            origin=cast.ORIGIN,
        )

    answers = at_once(create(rebels.luke), create(rebels.leia))
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == [JwtCredential.__name__, ValidationError.__name__]
    assert JwtCredential.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database", "_slow_commit")
def test_revoked_twice_at_once(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    browsers = {None: sign_in(rebels.luke), rebels.luke: sign_in(rebels.leia)}

    def send(browser: Browser, address: str) -> Callable[[], Any]:
        return lambda: browser.post(address, {"reason": address})

    responses = at_once(
        *(send(browser, url("revoke", credential, who)) for who, browser in browsers.items())
    )
    assert [response.status_code for response in responses] == [302, 302]
    credential.refresh_from_db()
    event = the_event(AuditKind.JWT_CREDENTIAL_REVOKED)
    assert event.details == {"reason": credential.revoked_reason}
    assert event.actor == credential.revoked_by


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transactional_db", "_one_database")
def test_two_first_uses_of_a_signing_key_make_one_key(
    rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, generate = threading.Barrier(2, timeout=10), jose.generate_private_key
    calls = itertools.count()

    def generate_together() -> Any:
        # Each makes its first key together with the other; the winner makes the next one alone.
        # On SQLite they can't meet here: the second waits for the first to be done.
        if next(calls) < 2 and connection.vendor != "sqlite":
            both.wait()
        return generate()

    monkeypatch.setattr(jose, "generate_private_key", generate_together)
    first, second = at_once(
        lambda: cast.credential(rebels.luke), lambda: cast.credential(rebels.leia)
    )
    current = SigningKey.objects.current(Environment.SANDBOX, KeyPurpose.CREDENTIAL).get()
    assert first.signing_key == second.signing_key == current
    made = AuditEvent.objects.filter(kind=AuditKind.SIGNING_KEY_CREATED)
    assert sorted(made.values_list("target_id", flat=True)) == sorted(
        SigningKey.objects.values_list("kid", flat=True)
    )
    assert SigningKey.objects.count() == 2


# --- A killed server -----------------------------------------------------------------------------

ROUNDS = 2
PEOPLE = 3
ANSWERS_BEFORE_KILL = 24


@dataclass
class Clicks:
    """People who create credentials as fast as they can, each with a double click."""

    console: RunningConsole
    session: str
    client_ids: list[str]
    seed: int
    answers: dict[uuid.UUID, list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    unanswered: int = 0

    def until_killed(self) -> None:
        people = [number for number in range(PEOPLE) for _click in range(2)]
        threads = [threading.Thread(target=self._click, args=[number]) for number in people]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while self._count() < ANSWERS_BEFORE_KILL and time.monotonic() < deadline:
            time.sleep(0.002)
        self.console.kill()
        for thread in threads:
            thread.join(timeout=20)

    def _count(self) -> int:
        return sum(map(len, list(self.answers.values())))

    def _click(self, person: int) -> None:
        # Both threads of a person draw the same keys: each form is sent twice.
        keys = random.Random(self.seed * PEOPLE + person)  # noqa: S311 - no secret
        while True:
            key = uuid.UUID(int=keys.getrandbits(128), version=4)
            data = submission(
                submission_key=str(key), app_access="specific", client_ids=self.client_ids
            )
            try:
                answer = self.console.post(url("create"), data, self.session)
            except (OSError, HTTPException):
                self.unanswered += 1
                return
            self.answers[key].append(answer)


@pytest.mark.django_db(transaction=True)
def test_a_killed_server_leaves_whole_credentials_or_nothing(
    rebels: Rebels, apps: Apps, sign_in: SignIn, tmp_path: Path
) -> None:
    client_ids = [apps.dialer.client_id, apps.crane.client_id, apps.concierge.client_id]
    session = sign_in(rebels.luke).cookies["session"].value
    database = SharedDatabase(tmp_path)
    database_url = database.open()
    with ExitStack() as stack:
        consoles = [stack.enter_context(RunningConsole(database_url)) for _ in range(ROUNDS)]
        rounds = []
        for seed, console in enumerate(consoles):
            console.wait()
            clicks = Clicks(console, session, client_ids, seed)
            clicks.until_killed()
            rounds.append(clicks)
    database.read()

    credentials = {str(credential.pk) for credential in JwtCredential.objects.all()}
    events = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_CREATED)
    assert sorted(events.values_list("target_id", flat=True)) == sorted(credentials)
    whole = JwtCredential.objects.annotate(count=Count("permitted")).filter(count=len(client_ids))
    assert whole.count() == Email.objects.count() == len(credentials)
    for clicks in rounds:
        assert clicks.unanswered >= 1
        assert len(clicks.answers) >= ANSWERS_BEFORE_KILL // 2
        for answers in clicks.answers.values():
            # Both clicks led to the same credential, and the answer is kept.
            [(status, location)] = set(answers)
            assert status == 302
            assert location.split("/")[-2] in credentials
