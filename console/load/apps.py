"""The apps of the large organization, each with a client in every environment."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from accounts.environments import Environment
from console.load import bulk
from console.load.dice import Dice
from console.load.people import LOAD_ORIGIN, People
from console.load.words import APP_KINDS, APP_SUBJECTS
from core import raw_secrets
from credentials.actions.applications import register_application
from credentials.actions.clients import (
    CLIENT_ID_ALPHABET,
    CLIENT_ID_LENGTH,
    SECRET_PREFIX,
    issue_client,
)
from credentials.models import Application, Client
from credentials.models.applications import ClientStatus

FIRST_APP = timedelta(days=890)
LAST_APP = timedelta(days=740)


@dataclass
class Apps:
    applications: list[Application]
    clients: dict[Environment, list[Client]]
    raw_secret: str = field(repr=False)
    """The secret of the first production client, with which you can exchange credentials."""


def apps(people: People, count: int, *, dice: Dice, now: datetime) -> Apps:
    first = _first(people, now - FIRST_APP)
    developers = people.developers
    offered = list(settings.PLATFORM.scopes)
    applications = bulk.insert(
        Application(
            id=dice.uuid(),
            organization=people.organization,
            owner=(people.developer if number % 10 == 0 else dice.favorite(developers)).user,
            name=f"{dice.choice(APP_SUBJECTS)} {dice.choice(APP_KINDS)} {number}",
            description="Made by seed_load.",
            is_public=dice.chance(0.05),
            uses_jwt_flow=True,
            issues_refresh_tokens=dice.chance(0.5),
            scopes=dice.sample(offered, min(1, len(offered))),
            submission_key=dice.uuid(),
            created_at=dice.moment(now - FIRST_APP, now - LAST_APP),
            retired_at=now - timedelta(days=40) if dice.chance(0.02) else None,
        )
        for number in range(2, count + 1)
    )
    clients = {
        environment: [
            client,
            *bulk.insert(_client(app, environment, dice) for app in applications),
        ]
        for environment, (client, _) in first.items()
    }
    client, raw_secret = first[Environment.PRODUCTION]
    return Apps([client.application, *applications], clients, raw_secret)


def _first(people: People, at: datetime) -> dict[Environment, tuple[Client, str]]:
    # Actions create this app.
    application = register_application(
        people.developer,
        name="Load Generator",
        description="Exchanges the credentials of this organization.",
        is_public=False,
        scopes=list(settings.PLATFORM.scopes)[:1],
        uses_jwt_flow=True,
        issues_refresh_tokens=False,
        origin=LOAD_ORIGIN,
        at=at,
    )
    actor = people.developer.user
    return {
        environment: issue_client(application, environment, actor=actor, origin=LOAD_ORIGIN, at=at)
        for environment in Environment
    }


def _client(application: Application, environment: Environment, dice: Dice) -> Client:
    raw_secret = raw_secrets.generate(SECRET_PREFIX)
    suspended = application.is_retired or dice.chance(0.02)
    return Client(
        application=application,
        environment=environment,
        client_id="".join(dice.choices(CLIENT_ID_ALPHABET, k=CLIENT_ID_LENGTH)),
        secret_digest=raw_secrets.digest(raw_secret),
        secret_hint=raw_secret[-4:],
        secret_issued_at=application.created_at,
        issued_at=application.created_at,
        status=ClientStatus.SUSPENDED if suspended else ClientStatus.ACTIVE,
    )
