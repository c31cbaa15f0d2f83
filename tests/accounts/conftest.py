import pytest

from tests.accounts import mail_servers
from tests.conftest import UseMailServer


@pytest.fixture(autouse=True)
def mail_server(use_mail_server: UseMailServer) -> None:
    use_mail_server(mail_servers.WORKING)
