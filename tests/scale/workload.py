"""Keeps an installation busy, and records its answers.

Apps exchange, refresh and call. Developers create and revoke credentials. One client keeps trying
revoked ones. An answer is an acknowledgment: what it says must be true from then on.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.scale.callers import Answer, AppCalls, Caller, DeveloperCalls, caller
from tests.scale.conftest import Installation

EXCHANGERS = 3
WRITERS = 2
PAUSE = 0.02  # seconds to wait after a failure before a retry


@dataclass(frozen=True)
class Revoked:
    credential_id: str
    jwt: str = field(repr=False)
    access_token: str = field(repr=False)
    """Issued before the revocation; empty if none was."""
    at: float
    """When the revocation was acknowledged."""


@dataclass
class Record:
    """Everything that was acknowledged. Times are seconds of `time.monotonic`."""

    granted: list[tuple[float, float]] = field(default_factory=list)
    """The begin and end of each exchange that was granted."""
    created: list[str] = field(default_factory=list)
    revoked: list[Revoked] = field(default_factory=list)
    refresh_token: str = field(default="", repr=False)
    """The last one that was issued."""
    refreshes: int = 0
    sessions: int = 0
    accepted_after_revocation: list[str] = field(default_factory=list)
    attempts_with_revoked: int = 0
    slowest_health_check: float = 0.0
    unready: int = 0
    refused: list[str] = field(default_factory=list)
    """Requests that were refused. This workload expects none."""
    unanswered: list[str] = field(default_factory=list)
    """Requests without an answer, and why."""
    answers: Counter[str] = field(default_factory=Counter)
    """Counts by request and status, such as `exchange 200`. 0 means no answer."""

    def note(self, what: str, answer: Answer) -> Answer:
        self.answers[f"{what} {answer.status}"] += 1
        if 400 <= answer.status < 500:
            self.refused.append(f"{what}: {answer.body.decode()[:300]}")
        if answer.status == 0:
            self.unanswered.append(f"{what}: {answer.problem}")
        if answer.status not in (200, 302):
            time.sleep(PAUSE)
        return answer

    def first_granted_after(self, moment: float) -> float:
        """When the first exchange that began after this moment was granted."""
        return min(end for begin, end in self.granted if begin > moment)

    def last_granted_before(self, moment: float) -> float:
        return max(end for _, end in self.granted if end <= moment)


class Workload:
    """Runs until stopped, in threads with one connection each."""

    def __init__(self, port: int, installation: Installation, host: str = "") -> None:
        self.record = Record()
        self._port = port
        self._host = host
        self._installation = installation
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        roles: list[Callable[[Caller], None]] = [
            *[self._exchange] * EXCHANGERS,
            self._refresh,
            self._try_revoked,
            self._check_health,
            *[self._writer(number) for number in range(WRITERS)],
        ]
        self._threads = [threading.Thread(target=self._run, args=[role]) for role in roles]

    def __enter__(self) -> "Workload":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def raise_failures(self) -> None:
        if self._failed:
            raise self._failed[0]

    def _run(self, role: Callable[[Caller], None]) -> None:
        with caller(self._port, self._host) as connection:
            try:
                while not self._stop.is_set():
                    role(connection)
            except Exception as error:
                self._failed.append(error)

    def _app(self, connection: Caller) -> AppCalls:
        return AppCalls(connection, self._installation.authorization)

    def _exchange(self, connection: Caller) -> None:
        begin = time.monotonic()
        answer = self._app(connection).exchange(self._installation.jwt)
        if self.record.note("exchange", answer).status == 200:
            self.record.granted.append((begin, time.monotonic()))

    def _refresh(self, connection: Caller) -> None:
        """Refresh one session. After a lost response, repeat with the same token."""
        app, record = self._app(connection), self.record
        if not record.refresh_token:
            answer = record.note("exchange", app.exchange(self._installation.jwt))
            if answer.status == 200:
                record.refresh_token = answer.json["refresh_token"]
                record.sessions += 1
            return
        answer = record.note("refresh", app.refresh(record.refresh_token))
        if answer.status == 200:
            record.refresh_token = answer.json["refresh_token"]
            record.refreshes += 1

    def _writer(self, number: int) -> Callable[[Caller], None]:
        session = self._installation.sessions[number]

        def write(connection: Caller) -> None:
            """Create, show, use and revoke a credential."""
            developer, app, record = (
                DeveloperCalls(connection, session),
                self._app(connection),
                (self.record),
            )
            answer, credential_id = developer.create(f"Key of writer {number}")
            record.note("create", answer)
            if not credential_id:
                return
            record.created.append(credential_id)
            jwt = developer.jwt(credential_id)
            granted = app.exchange(jwt) if jwt else Answer(0)
            token = granted.json["access_token"] if granted.status == 200 else ""
            while not self._stop.is_set():
                # Revoking a revoked credential again changes nothing.
                if record.note("revoke", developer.revoke(credential_id)).status == 302:
                    record.revoked.append(Revoked(credential_id, jwt, token, time.monotonic()))
                    break

        return write

    def _try_revoked(self, connection: Caller) -> None:
        """Every attempt begins after the revocation was acknowledged, so none can be granted."""
        record = self.record
        known = list(record.revoked)
        if not known:
            time.sleep(PAUSE)
            return
        # A failover could lose the latest ones.
        revoked = random.choice(known[-20:])  # noqa: S311 - which one is no secret
        app = self._app(connection)
        answers = []
        if revoked.jwt:
            answers.append(app.exchange(revoked.jwt))
        if revoked.access_token:
            answers.append(app.account(revoked.access_token))
        record.attempts_with_revoked += len(answers)
        if any(answer.status == 200 for answer in answers):
            record.accepted_after_revocation.append(revoked.credential_id)

    def _check_health(self, connection: Caller) -> None:
        begin = time.monotonic()
        live = connection.send("GET", "/healthz/live")
        seconds = time.monotonic() - begin
        self.record.slowest_health_check = max(self.record.slowest_health_check, seconds)
        self.record.answers[f"live {live.status}"] += 1
        ready = connection.send("GET", "/healthz/ready")
        self.record.answers[f"ready {ready.status}"] += 1
        time.sleep(0.1)
