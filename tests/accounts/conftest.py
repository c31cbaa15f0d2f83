import time
from types import SimpleNamespace

import pytest
from allauth.mfa.totp.internal import auth

from tests.accounts import email_servers
from tests.conftest import UseEmailServer


@pytest.fixture(autouse=True)
def email_server(use_email_server: UseEmailServer) -> None:
    use_email_server(email_servers.WORKING)


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes of an authenticator app don't change within a test, however slow it is."""
    now = time.time()
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: now))
