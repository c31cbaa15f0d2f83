from dataclasses import dataclass
from pathlib import Path

import pytest

from accounts.environments import Environment
from credentials.actions.clients import suspend_client
from credentials.models import Client, JwtCredential, Rotation
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels
from tests.credentials.fleets import Fleet
from tests.credentials.gateways import Shop, write_shop
from tests.credentials.rotating import rotation_of
from tests.credentials.scenes import Scene
from tests.credentials.token_requests import World
from tests.platforms import UsePlatform


@dataclass(frozen=True)
class Apps:
    """Clients that a credential of Luke's may or may not name."""

    dialer: Client
    dialer_production: Client
    crane: Client
    """Of a colleague."""
    suspended: Client
    concierge: Client
    """Public, of the partners."""
    ledger: Client
    """Private, of the partners."""


@pytest.fixture
def old(rebels: Rebels) -> JwtCredential:
    """A credential of Luke's to replace."""
    return cast.credential(rebels.luke, label="Nightly jobs")


@pytest.fixture
def rotation(old: JwtCredential) -> Rotation:
    return rotation_of(old)


@pytest.fixture
def apps(rebels: Rebels, partners: Partners) -> Apps:
    dialer = cast.application(rebels.luke, "X-wing Dialer")
    suspended, _ = cast.client(cast.application(rebels.luke, "Old Droid"))
    suspend_client(suspended, actor=rebels.luke.user, origin=cast.ORIGIN)
    concierge = cast.application(partners.lobot, "Cloud Concierge", is_public=True)
    return Apps(
        dialer=cast.client(dialer)[0],
        dialer_production=cast.client(dialer, Environment.PRODUCTION)[0],
        crane=cast.client(cast.application(rebels.leia, "Hangar Crane"))[0],
        suspended=suspended,
        concierge=cast.client(concierge)[0],
        ledger=cast.client(cast.application(partners.lobot, "Tibanna Ledger"))[0],
    )


@pytest.fixture
def fleet(rebels: Rebels) -> Fleet:
    application = cast.application(rebels.luke, "X-wing Dialer")
    client, raw_secret = cast.client(application)
    return Fleet(application, client, raw_secret)


@pytest.fixture
def scene(rebels: Rebels, app: App) -> Scene:
    scene = Scene(rebels, app, cast.credential(rebels.luke))
    scene.tokens = scene.exchange().json()
    return scene


@pytest.fixture
def world(rebels: Rebels, partners: Partners) -> World:
    app = api.app(rebels.luke)
    public = api.app(partners.lobot, name="Cloud Dialer", is_public=True)
    return World(
        luke=rebels.luke,
        app=app,
        public=public,
        private=api.app(partners.lobot, name="Tibanna Books"),
        for_all=cast.credential(rebels.luke),
        for_some=cast.credential(rebels.luke, clients=[app.client, public.client]),
    )


@pytest.fixture
def shop(rebels: Rebels, use_platform: UsePlatform, tmp_path: Path) -> Shop:
    write_shop(use_platform, tmp_path)
    rebels.luke.user.extensions.update(user_role="support")
    app = api.app(rebels.luke, scopes=["orders:write"])
    return Shop(app, cast.credential(rebels.luke), rebels)
