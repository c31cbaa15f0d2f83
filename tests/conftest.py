"""Fixtures for all tests: the people of two organizations, and how they sign in."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.signals import setting_changed
from django.db.backends.base.operations import BaseDatabaseOperations
from django.dispatch import receiver
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.environments import urls_of
from accounts.models import Membership, Organization
from accounts.platform.catalog import Platform
from accounts.platform.file import read_platform
from console.management.commands import tick
from core import downloads
from core.background import BackgroundWriter
from core.requests import Utf8Request
from credentials import jose, throttle
from credentials.models import JwtCredential
from credentials.oauth import refusal_log as refusals
from tests import api, append_only, cast
from tests.api import App
from tests.platforms import UsePlatform, write_platform


@receiver(setting_changed)
def _forget_settings(**kwargs: object) -> None:
    # Tests change the settings that a server reads once.
    urls_of.cache_clear()
    jose.unseal.cache_clear()


SignIn = Callable[[Membership], Client]
UseEmailServer = Callable[[str], None]


@dataclass(frozen=True)
class Rebels:
    organization: Organization
    leia: Membership
    """Account administrator and Developer Admin; Super Admin in both environments."""
    han: Membership
    """Developer Admin; Standard User in both environments."""
    luke: Membership
    """Developer; Standard User in both environments."""
    lando: Membership
    """Developer without sandbox account."""
    c3po: Membership
    """Auditor."""
    wedge: Membership
    """No console access."""


@dataclass(frozen=True)
class Partners:
    organization: Organization
    lobot: Membership
    """Account administrator and Developer Admin of the other organization."""


def pytest_collection_finish() -> None:
    """Exclude modules and tests from garbage collection, which saves a tenth of the run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _forget_attempts() -> None:
    """Sign-in limits are counted in the cache. Clear it so that tests don't affect each other."""
    cache.clear()
    throttle.limiter.cache_clear()


@pytest.fixture(autouse=True)
def _forget_what_was_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    BackgroundWriter.discard_all()
    limits = refusals.ANONYMOUS_PER_ADDRESS, refusals.ANONYMOUS_IN_ALL
    monkeypatch.setattr(refusals, "anonymous_cap", refusals.AnonymousCap(*limits))
    monkeypatch.setattr(refusals, "_told", [0, 0])


@pytest.fixture(autouse=True)
def _forget_unread_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_running", set())


@pytest.fixture
def rebels(db: None) -> Rebels:
    return Rebels(**cast.replayed("rebels", cast.rebel_alliance))


@pytest.fixture
def partners(db: None) -> Partners:
    return Partners(**cast.replayed("partners", cast.cloud_city))


@pytest.fixture
def sign_in() -> SignIn:
    return lambda membership: cast.sign_in(membership.user)


@pytest.fixture
def leia(rebels: Rebels, sign_in: SignIn) -> Client:
    """Leia's browser, after step-up."""
    return cast.step_up(sign_in(rebels.leia))


@pytest.fixture
def app(rebels: Rebels) -> App:
    """Luke's Falcon Dialer, which issues refresh tokens, in the sandbox."""
    return api.app(rebels.luke, issues_refresh_tokens=True)


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    """Of Luke's, for all apps in the organization, in the sandbox."""
    return cast.credential(rebels.luke)


@pytest.fixture
def use_platform(settings: Settings, tmp_path: Path) -> Iterator[UsePlatform]:
    """Offer what a platform file describes for the rest of the test."""

    def use(text: str) -> Platform:
        platform = read_platform(write_platform(tmp_path, text))
        settings.PLATFORM = platform
        # The server mounts the APIs of the platform when it starts.
        api.program.cache_clear()
        return platform

    yield use
    api.program.cache_clear()


@pytest.fixture
def use_email_server(settings: Settings) -> UseEmailServer:
    """Use one of `tests.accounts.email_servers` for the rest of the test."""

    def use(backend: str) -> None:
        settings.EMAIL_BACKEND = backend
        settings.POST_OFFICE = settings.POST_OFFICE | {"BACKENDS": {"default": backend}}

    return use


@pytest.fixture(autouse=True, scope="session")
def _requests_of_the_server() -> Iterator[None]:
    """Django's test client makes the same requests as console/wsgi.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.test.client.WSGIRequest", Utf8Request)
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_tick_lock() -> Iterator[None]:
    # SQLite's databases in memory all have the same name, so the ticks of two processes of tests
    # would take the same lock.
    original = tick._lock_path

    suffix = f".{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick, "_lock_path", lambda: original().with_suffix(suffix))
        yield
    for file in Path(tempfile.gettempdir()).glob(f"console-tick-*{suffix}"):
        file.unlink()


@pytest.fixture(autouse=True, scope="session")
def _flushable_audit_trail() -> Iterator[None]:
    """Disable the append-only triggers while Django empties the tables after a test.

    Django does this after each transactional test. Everywhere else, the triggers stay on.
    """
    original = BaseDatabaseOperations.execute_sql_flush

    def flush(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        disable, restore = append_only.without_triggers(self.connection.vendor)
        original(self, [*disable, *sql_list, *restore])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush)
        yield
