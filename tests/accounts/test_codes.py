"""Codes of authenticator apps and recovery codes: each works once (RFC 6238, §5.2)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache

from accounts.actions.factors import STEP, make_recovery_codes, use_code
from accounts.recovery_codes import codes_left
from tests import cast
from tests.conftest import Rebels
from tests.races import at_once, shared_database

pytestmark = pytest.mark.both_databases

NOW = 60_000_000


def code_of(secret: str, step: int) -> str:
    return str(format_hotp_value(hotp_value(secret, step)))


def app_of(rebels: Rebels) -> tuple[Authenticator, str]:
    secret = cast.add_second_factor(rebels.luke.user)
    return Authenticator.objects.get(type=Authenticator.Type.TOTP), secret


def accepted(app: Authenticator, secret: str, *steps: int) -> list[bool]:
    """Each of these codes, one after the other, in the middle of the step `NOW`."""
    at = datetime.fromtimestamp(NOW * STEP + STEP / 2, tz=UTC)
    return [use_code(app, code_of(secret, step), at=at) for step in steps]


def test_the_code_of_now_and_that_of_the_step_before_are_right(rebels: Rebels) -> None:
    app, secret = app_of(rebels)
    assert accepted(app, secret, NOW - 2, NOW + 1, NOW - 1, NOW) == [False, False, True, True]


def test_a_code_works_once_and_ends_the_earlier_ones(rebels: Rebels) -> None:
    app, secret = app_of(rebels)
    assert accepted(app, secret, NOW - 1, NOW - 1, NOW) == [True, False, True]
    # The database knows, even if the cache forgets.
    cache.clear()
    assert accepted(app, secret, NOW, NOW - 1) == [False, False]


def test_a_code_can_be_typed_as_it_is_shown(rebels: Rebels) -> None:
    app, secret = app_of(rebels)
    at = datetime.fromtimestamp(NOW * STEP, tz=UTC)
    code = code_of(secret, NOW)
    assert not use_code(app, "", at=at)
    assert use_code(app, f"{code[:3]} {code[3:]}", at=at)


def test_codes_from_before_work_until_there_are_new_ones(rebels: Rebels) -> None:
    user = rebels.luke.user
    cast.add_second_factor(user)
    former = RecoveryCodes.activate(user)
    first, second, *_ = former.get_unused_codes()
    assert [use_code(former.instance, code) for code in (first, first)] == [True, False]
    former.instance.refresh_from_db()
    assert codes_left(former.instance) == 9
    [code, *_] = make_recovery_codes(user, origin=cast.ORIGIN)
    made = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    assert [use_code(made, each) for each in (second, code, code)] == [False, True, False]
    made.refresh_from_db()
    assert codes_left(made) == 9


@pytest.mark.parametrize("kind", ["authenticator app", "recovery code"])
def test_one_of_two_at_the_same_moment_gets_in(
    kind: str, transactional_db: None, rebels: Rebels, tmp_path: Path
) -> None:
    app, secret = app_of(rebels)
    at = datetime.fromtimestamp(NOW * STEP, tz=UTC)
    code = code_of(secret, NOW)
    if kind == "recovery code":
        [code, *_] = make_recovery_codes(rebels.luke.user, origin=cast.ORIGIN)
        app = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    with shared_database(tmp_path):
        answers = at_once(*[lambda: use_code(app, code, at=at)] * 3)
    assert sorted(answers) == [False, False, True]
