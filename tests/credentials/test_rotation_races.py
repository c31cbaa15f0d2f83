"""Rotations while programs exchange, and decisions about one rotation at the same moment."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind
from core.origin import Origin
from credentials.actions.clients import end_former_secret, replace_client_secret
from credentials.actions.revocations import revoke_jwt_credential, revoke_jwt_credentials
from credentials.actions.rotations import close_rotations, finish_rotation, undo_rotation
from credentials.models import JwtCredential, Rotation
from tests import cast
from tests.api import App
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import fields_of, url
from tests.credentials.rotating import DAY, answer, closed, rotation_of
from tests.races import at_once, shared_database

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db", "_one_database"),
]

# A deadlock or a lost update shows in one of a few rounds; SQLite has one writer, and waits longer.
ROUNDS = 2 if connection.vendor == "sqlite" else 5
GRANTED, REVOKED = (200, ""), (400, "JWT-102")


@pytest.fixture
def _one_database(rebels: Rebels, app: App, tmp_path: Path) -> Iterator[None]:
    # Both keys are made on first use.
    assert answer(app, cast.credential(rebels.luke)) == GRANTED
    with shared_database(tmp_path):
        yield


def rotations(rebels: Rebels) -> Iterator[Rotation]:
    """A new open rotation for each round."""
    for number in range(ROUNDS):
        yield rotation_of(cast.credential(rebels.luke, label=f"Round {number}"))


def outcome(answered: Any) -> str:
    return type(answered).__name__


def now(credential: JwtCredential) -> JwtCredential:
    return JwtCredential.objects.get(pk=credential.pk)


def test_two_first_uses_at_once_start_one_grace_period(rebels: Rebels, app: App) -> None:
    for rotation in rotations(rebels):
        use = partial(answer, app, rotation.replacement)
        assert at_once(use, use, use) == [GRANTED] * 3
        rotation.refresh_from_db()
        assert rotation.first_used_at is not None
        assert now(rotation.replaced).superseded_at == rotation.first_used_at + DAY
        assert not now(rotation.replacement).awaits_first_use


def test_rotating_a_credential_twice_at_once_creates_one_replacement(rebels: Rebels) -> None:
    for number in range(ROUNDS):
        old = cast.credential(rebels.luke, label=f"Round {number}")
        answers = at_once(partial(rotation_of, old), partial(rotation_of, old, actor=rebels.han))
        assert sorted(map(outcome, answers)) == ["Rotation", "ValidationError"]
        assert Rotation.objects.filter(replaced=old).count() == 1


def test_sending_one_rotation_form_twice_at_once_rotates_once(
    rebels: Rebels, sign_in: SignIn
) -> None:
    old = cast.credential(rebels.luke)
    browsers = [sign_in(rebels.luke), sign_in(rebels.luke)]
    for browser in browsers:
        cast.step_up(browser)
    address = url("rotate", old)
    data = fields_of(browsers[0].get(address), address)
    first, second = at_once(*(partial(browser.post, address, data) for browser in browsers))
    replacement = Rotation.objects.get().replacement
    assert first["Location"] == second["Location"] == url("created", replacement)


def test_undoing_a_rotation_during_the_first_use(rebels: Rebels, app: App) -> None:
    """Either the app was faster, and undo asks again; or undo was, and the app is refused."""
    for rotation in rotations(rebels):
        undo = partial(
            undo_rotation, rotation, was_used=False, actor=rebels.luke.user, origin=cast.ORIGIN
        )
        use = partial(answer, app, rotation.replacement)
        undone, used = at_once(undo, use)
        rotation.refresh_from_db()
        old = now(rotation.replaced)
        if isinstance(undone, ValidationError):
            assert used == GRANTED
            assert rotation.undone_at is None
            assert rotation.first_used_at is not None
            assert old.superseded_at == rotation.first_used_at + DAY
        else:
            assert used == REVOKED
            assert (rotation.first_used_at, old.superseded_at) == (None, None)
        assert answer(app, old) == GRANTED


def test_revoking_either_credential_during_the_first_use(rebels: Rebels, app: App) -> None:
    for number, rotation in enumerate(rotations(rebels)):
        ended = rotation.replaced if number % 2 else rotation.replacement
        revoke = partial(
            revoke_jwt_credential, ended, reason="Lost", actor=rebels.luke.user, origin=cast.ORIGIN
        )
        use = partial(answer, app, rotation.replacement)
        revoked, used = at_once(revoke, use)
        assert outcome(revoked) == "JwtCredential"
        assert answer(app, ended) == REVOKED
        if ended == rotation.replaced:
            assert used == answer(app, rotation.replacement) == GRANTED
        else:
            assert used in (GRANTED, REVOKED)
            assert now(rotation.replaced).superseded_at is None
            assert answer(app, rotation.replaced) == GRANTED


def test_simultaneous_rotations_never_deadlock(rebels: Rebels, app: App) -> None:
    for rotation in rotations(rebels):
        ids = [rotation.replaced_id, rotation.replacement_id]
        bulk = partial(
            revoke_jwt_credentials, ids, reason="Left", actor=rebels.leia.user, origin=cast.ORIGIN
        )
        finish = partial(
            finish_rotation, rotation, was_used=False, actor=rebels.han.user, origin=cast.ORIGIN
        )
        use = partial(answer, app, rotation.replacement)
        done, finished, used = at_once(bulk, finish, use)
        assert outcome(done) == "BulkRevocation"
        assert outcome(finished) in {"Rotation", "ValidationError"}
        assert used in (GRANTED, REVOKED)
        assert [now(side).is_ended() for side in (rotation.replaced, rotation.replacement)] == [
            True,
            True,
        ]


def test_two_ticks_at_once_close_a_rotation_once(rebels: Rebels) -> None:
    closed(next(rotations(rebels)))
    tick = Origin.command("tick")
    answers = at_once(lambda: close_rotations(origin=tick), lambda: close_rotations(origin=tick))
    assert sorted(answers) == [0, 1]
    assert AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_REPLACED).count() == 1


def until(stop: threading.Event, call: Callable[[], Any]) -> list[tuple[bool, Any]]:
    """What each call was answered, until two after `stop`; and whether it began after it."""
    answers = []
    after = 0
    while after < 2:
        began_after = stop.is_set()
        answers.append((began_after, call()))
        after += began_after
    return answers


def test_exchanges_succeed_during_a_whole_rotation(rebels: Rebels, app: App) -> None:
    """The old credential never fails before it ends, and always fails afterwards."""
    old = cast.credential(rebels.luke, label="Busy")
    stop = threading.Event()

    def decide() -> Rotation:
        try:
            rotation = rotation_of(old)
            answer(app, rotation.replacement)
            return finish_rotation(
                rotation, was_used=True, actor=rebels.luke.user, origin=cast.ORIGIN
            )
        finally:
            stop.set()

    first, second, rotation = at_once(
        lambda: until(stop, lambda: answer(app, old)),
        lambda: until(stop, lambda: answer(app, old)),
        decide,
    )
    assert isinstance(rotation, Rotation)
    for answers in (first, second):
        codes = [code for _, code in answers]
        # Granted until it closed, refused from then on, and never one after the other again.
        closing = codes.index(REVOKED)
        assert set(codes[:closing]) <= {GRANTED}
        assert set(codes[closing:]) == {REVOKED}
        assert all(code == REVOKED for began_after, code in answers if began_after)


def test_both_client_secrets_work_during_a_whole_replacement(rebels: Rebels, app: App) -> None:
    credential = cast.credential(rebels.luke)
    stop = threading.Event()

    def decide() -> tuple[App, Any]:
        try:
            raw_secret = replace_client_secret(
                app.client, overlap=DAY, actor=rebels.luke.user, origin=cast.ORIGIN
            )
            app.client.refresh_from_db()
            new = App(app.application, app.client, raw_secret)
            granted = answer(new, credential)
            assert app.client.former_secret_issued_at is not None
            end_former_secret(
                app.client,
                issued_at=app.client.former_secret_issued_at,
                actor=rebels.luke.user,
                origin=cast.ORIGIN,
                at=timezone.now(),
            )
            return new, granted
        finally:
            stop.set()

    answers, decided = at_once(lambda: until(stop, lambda: answer(app, credential)), decide)
    new, granted = decided
    assert granted == answer(new, credential) == GRANTED
    codes = [code for _, code in answers]
    closing = codes.index((401, "OAU-146"))
    assert set(codes[:closing]) <= {GRANTED}
    assert set(codes[closing:]) == {(401, "OAU-146")}
