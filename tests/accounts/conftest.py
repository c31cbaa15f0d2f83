from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from tests.accounts import mail_servers

UseMailServer = Callable[[str], None]


@pytest.fixture
def use_mail_server(settings: Settings) -> UseMailServer:
    def use(backend: str) -> None:
        settings.EMAIL_BACKEND = backend
        settings.POST_OFFICE = settings.POST_OFFICE | {"BACKENDS": {"default": backend}}

    return use


@pytest.fixture(autouse=True)
def mail_server(use_mail_server: UseMailServer) -> None:
    use_mail_server(mail_servers.WORKING)
