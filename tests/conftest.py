"""The cast: people of two organizations, and how they sign in."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Membership, Organization
from core.background import BackgroundWriter
from credentials import throttle
from credentials.oauth import refusal_log as refusals
from tests import append_only, cast

SignIn = Callable[[Membership], Client]
UseMailServer = Callable[[str], None]


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
    """Modules and tests stay: looking through them again and again is a tenth of the run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _forget_attempts() -> None:
    """Sign-in limits count in the cache, by person; the next test knows nothing of this one."""
    cache.clear()
    throttle.forget()


@pytest.fixture(autouse=True)
def _forget_what_was_not_written() -> None:
    BackgroundWriter.discard_all()
    refusals.forget()


@pytest.fixture
def rebels(db: None) -> Rebels:
    return Rebels(**cast.replayed("rebels", cast.rebel_alliance))


@pytest.fixture
def partners(db: None) -> Partners:
    return Partners(**cast.replayed("partners", cast.cloud_city))


@pytest.fixture
def sign_in() -> SignIn:
    def signed_in(membership: Membership) -> Client:
        client = Client()
        client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


@pytest.fixture
def use_mail_server(settings: Settings) -> UseMailServer:
    """One of `tests.accounts.mail_servers`, from now on."""

    def use(backend: str) -> None:
        settings.EMAIL_BACKEND = backend
        settings.POST_OFFICE = settings.POST_OFFICE | {"BACKENDS": {"default": backend}}

    return use


@pytest.fixture(autouse=True, scope="session")
def _flushable_audit_trail() -> Iterator[None]:
    """Let the flush after a transactional test empty the append-only table, and nothing else.

    Django empties every table between such tests; the triggers that make audit events append-only
    stand aside for just that statement list.
    """
    original = BaseDatabaseOperations.execute_sql_flush

    def flush(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        aside, back = append_only.stand_aside(self.connection.vendor)
        original(self, [*aside, *sql_list, *back])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush)
        yield
