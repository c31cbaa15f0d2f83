"""The demo's apps, each with a client in both environments."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from accounts.environments import Environment
from accounts.models import Membership
from console.demo.people import DEMO_ORIGIN
from core import raw_secrets
from credentials.actions.applications import register_application
from credentials.actions.clients import SECRET_PREFIX, issue_client
from credentials.models import Client


@dataclass(frozen=True)
class DemoApp:
    name: str
    owner: str
    description: str
    scopes: tuple[str, ...]
    is_public: bool = False
    issues_refresh_tokens: bool = False
    elsewhere: str = ""
    """The description on a platform without the built-in API, if it differs."""


APPS = (
    DemoApp(
        "Fleet Directory",
        "luke@rebels.example",
        "Keeps the address book of the fleet in step with the platform.",
        scopes=("EditAccounts",),
        issues_refresh_tokens=True,
    ),
    DemoApp(
        "Base Reporting",
        "luke@rebels.example",
        "Nightly report on accounts and extensions.",
        elsewhere="Nightly report on everything that changed.",
        scopes=("ReadAccounts",),
    ),
    DemoApp(
        "Hangar Console",
        "leia@rebels.example",
        "Administers the company account from the command line.",
        scopes=("Accounts",),
        issues_refresh_tokens=True,
    ),
    DemoApp(
        "Cloud City Connect",
        "lobot@cloudcity.example",
        "Connects any company's phone system to the Cloud City exchange.",
        elsewhere="Connects any company to the Cloud City exchange.",
        is_public=True,
        issues_refresh_tokens=True,
        scopes=("ReadAccounts", "EditExtensions"),
    ),
    DemoApp(
        "Tibanna Ledger",
        "lobot@cloudcity.example",
        "Billing of Cloud City's own gas mine.",
        scopes=("ReadAccounts",),
    ),
)


def client_secret(app_name: str, environment: Environment) -> str:
    """The same at every call, so that `seed_demo --json` can print it again."""
    message = f"demo client secret: {app_name}, {environment}".encode()
    mac = hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256)
    encoded = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    return raw_secrets.with_checksum(SECRET_PREFIX + encoded)


def _description(app: DemoApp) -> str:
    return app.description if settings.PLATFORM.built_in_api else app.elsewhere or app.description


def _scopes(app: DemoApp) -> list[str]:
    # On a platform with its own scopes, every app gets all of them.
    offered = settings.PLATFORM.scopes
    original = {scope for each in APPS for scope in each.scopes}
    return list(app.scopes if offered.keys() == original else offered)


Clients = dict[tuple[str, Environment], Client]


def register_apps(people: dict[str, Membership], at: datetime) -> Clients:
    clients: Clients = {}
    for app in APPS:
        owner = people[app.owner]
        application = register_application(
            owner,
            name=app.name,
            description=_description(app),
            is_public=app.is_public,
            scopes=_scopes(app),
            uses_jwt_flow=True,
            issues_refresh_tokens=app.issues_refresh_tokens,
            origin=DEMO_ORIGIN,
            at=at,
        )
        for environment in Environment:
            clients[app.name, environment], _ = issue_client(
                application,
                environment,
                actor=owner.user,
                origin=DEMO_ORIGIN,
                raw_secret=client_secret(app.name, environment),
                at=at,
            )
    return clients
