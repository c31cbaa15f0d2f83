"""The answer to a request whose session can't be saved."""

from typing import Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client

from tests.conftest import Rebels, SignIn
from tests.credentials.pages import submission

pytestmark = pytest.mark.both_databases


def changed(browser: Client) -> Any:
    session = browser.session
    session["mark"] = 1
    return session


def test_saving_a_session_while_the_database_is_away_raises_its_error(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = changed(sign_in(rebels.luke))

    def gone(self: Session, *args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Session, "save", gone)
    with pytest.raises(OperationalError):
        session.save()


def test_a_session_that_ended_meanwhile_is_not_created_again(
    rebels: Rebels, sign_in: SignIn
) -> None:
    session = changed(sign_in(rebels.luke))
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()


def test_a_request_whose_session_cannot_be_saved_gets_503(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not 400, which would blame the request."""
    browser = sign_in(rebels.luke)
    browser.raise_request_exception = False

    def gone(self: Session, *args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Session, "save", gone)
    answer = browser.post("/console/my-credentials/create", submission())
    assert answer.status_code == 503
