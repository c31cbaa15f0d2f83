import time
from types import SimpleNamespace

import pytest
from allauth.mfa.totp.internal import auth

from tests.accounts import mail_servers
from tests.conftest import UseMailServer


@pytest.fixture(autouse=True)
def mail_server(use_mail_server: UseMailServer) -> None:
    use_mail_server(mail_servers.WORKING)


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes of an authenticator app don't change within a test, however slow it is."""
    now = time.time()
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: now))
