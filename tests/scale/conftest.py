"""An installation that servers of their own can use: people, an app, a credential, a session."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.running_console import SharedDatabase
from tests.house.sources import ROOT


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Other processes see what the test commits."""


@pytest.fixture(autouse=True, scope="session")
def _static_files() -> None:
    """Pages of a real server name their static files by the hashes that collecting gives them."""
    subprocess.run(["make", "--silent", "collectstatic"], cwd=ROOT, check=True)


@dataclass(frozen=True)
class Installation:
    """What callers need; all of it is in the database at `url`."""

    url: str = field(repr=False)
    authorization: str = field(repr=False)
    """Of an app that issues refresh tokens."""
    jwt: str = field(repr=False)
    session: str = field(repr=False)
    """Of Luke, who has just proved who he is."""


@pytest.fixture
def installation(rebels: Rebels, sign_in: SignIn, tmp_path: Path) -> Installation:
    app = api.app(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke)
    # Keys are made on first use.
    api.access_token(app, credential)
    browser = sign_in(rebels.luke)
    cast.step_up(browser)
    return Installation(
        SharedDatabase(tmp_path).open(),
        app.authorization,
        credential.encode(),
        browser.cookies[settings.SESSION_COOKIE_NAME].value,
    )
