"""An installation for real servers: people, an app, a credential and a session."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.running_console import SharedDatabase
from tests.static_files import collect_static_files

# As many threads may write in the console: a session is for one page at a time.
BROWSERS = 12


@pytest.fixture(autouse=True, scope="session")
def _static_files() -> None:
    """Collect static files, because the pages of a real server use hashed names."""
    collect_static_files()


@dataclass(frozen=True)
class Installation:
    """Everything that callers need, in the database at `url`."""

    url: str = field(repr=False)
    authorization: str = field(repr=False)
    """Belongs to an app that issues refresh tokens."""
    jwt: str = field(repr=False)
    sessions: list[str] = field(repr=False)
    """Sessions of Luke in several browsers. He has just confirmed who he is."""


@pytest.fixture
def installation(
    transactional_db: None, rebels: Rebels, sign_in: SignIn, tmp_path: Path
) -> Installation:
    """An installation in committed rows, which other processes can see."""
    app = api.app(rebels.luke, scopes=["ReadAccounts"], issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke)
    # The first use creates the keys.
    api.access_token(app, credential)
    browsers = [sign_in(rebels.luke) for _ in range(BROWSERS)]
    for browser in browsers:
        # No person confirms this often. The limit is counted in the cache.
        cache.clear()
        cast.step_up(browser)
    return Installation(
        SharedDatabase(tmp_path).open(),
        app.authorization,
        credential.encode(),
        [browser.cookies[settings.SESSION_COOKIE_NAME].value for browser in browsers],
    )
