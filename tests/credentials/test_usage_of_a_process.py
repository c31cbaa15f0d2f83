"""What a process has collected when it ends: all of it is written, or a second's worth is lost."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from core.background import INTERVAL
from credentials.models import AddressUse, CallUsage, ExchangeUsage
from tests import api, cast
from tests.conftest import Rebels
from tests.credentials.running_console import RunningConsole, SharedDatabase

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("transactional_db"),
]


@dataclass(frozen=True)
class Programs:
    """What calls the running console as an app does."""

    console: RunningConsole
    database: SharedDatabase
    app: api.App
    jwt: str

    def exchange(self) -> str:
        status, _, body = self.console.request(
            "POST",
            api.token_path(),
            urlencode({"grant_type": api.GRANT_TYPE, "assertion": self.jwt}),
            {"Authorization": self.app.authorization, "Content-Type": api.FORM},
        )
        assert status == 200, body
        return str(json.loads(body)["access_token"])

    def call(self, token: str, times: int) -> None:
        for _ in range(times):
            status, _, body = self.console.request(
                "GET",
                "/sandbox/restapi/v1.0/account/~",
                headers={"Authorization": f"Bearer {token}"},
            )
            assert status == 200, body

    def calls_written(self) -> int:
        self.database.read()
        return sum(CallUsage.objects.values_list("calls", flat=True))


@pytest.fixture
def programs(rebels: Rebels, tmp_path: Path) -> Iterator[Programs]:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    # The key of access tokens is made before the database is shared.
    api.access_token(app, credential)
    ExchangeUsage.objects.all().delete()
    database = SharedDatabase(tmp_path)
    with RunningConsole(database.open()) as console:
        console.wait()
        yield Programs(console, database, app, credential.encode())


def test_an_orderly_stop_of_a_process_loses_no_usage(programs: Programs) -> None:
    programs.call(programs.exchange(), 25)
    assert programs.console.stop() == 0
    assert programs.calls_written() == 25
    assert ExchangeUsage.objects.get().exchanges == 1
    assert AddressUse.objects.get().address == "127.0.0.1"


def test_a_killed_process_loses_the_last_second_at_most(programs: Programs) -> None:
    token = programs.exchange()
    programs.call(token, 10)
    # The thread sleeps a second between two batches, and each takes a moment.
    time.sleep(2 * INTERVAL)
    programs.call(token, 5)
    programs.console.kill()
    assert 10 <= programs.calls_written() <= 15
    assert ExchangeUsage.objects.get().exchanges == 1
