"""The demo's credentials: active, expired, revoked, and limited to some apps."""

from datetime import datetime, timedelta

from accounts.environments import Environment
from accounts.models import Membership
from console.demo.apps import APPS, Clients
from console.demo.people import DEMO_ORIGIN
from credentials.actions.jwt_credentials import create_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import AppAccess, Client, JwtCredential


def create_credentials(
    people: dict[str, Membership], apps: Clients, environment: Environment, now: datetime
) -> list[tuple[JwtCredential, list[Client]]]:
    luke, leia, han = (people[f"{name}@rebels.example"] for name in ("luke", "leia", "han"))
    lobot = people["lobot@cloudcity.example"]
    directory, reporting, hangar, connect, ledger = (apps[app.name, environment] for app in APPS)
    soon = 21 if environment is Environment.SANDBOX else None

    def make(
        owner: Membership,
        label: str,
        *,
        days_ago: int,
        lasts: int | None = None,
        clients: tuple[Client, ...] = (),
        created_by: Membership | None = None,
    ) -> JwtCredential:
        at = now - timedelta(days=days_ago)
        return create_jwt_credential(
            owner,
            environment=environment,
            label=label,
            app_access=AppAccess.SPECIFIC if clients else AppAccess.ORGANIZATION,
            client_ids=[client.client_id for client in clients],
            expires_on=(at + timedelta(days=lasts)).date() if lasts is not None else None,
            actor=(created_by or owner).user,
            origin=DEMO_ORIGIN,
            at=at,
        )

    nightly = make(luke, "Nightly jobs", days_ago=60)
    shared = make(
        luke,
        "Shared with Cloud City",
        days_ago=40,
        lasts=40 + soon if soon else None,
        clients=(directory, connect),
    )
    expired = make(luke, "Trial of the reporting app", days_ago=75, lasts=45)
    lost = make(luke, "Old laptop", days_ago=70)
    lost = revoke_jwt_credential(
        lost,
        reason="The laptop was lost on Hoth",
        actor=leia.user,
        origin=DEMO_ORIGIN,
        at=now - timedelta(days=12),
    )
    operations = make(leia, "Operations", days_ago=65)
    falcon = make(han, "Falcon", days_ago=45, lasts=110, clients=(directory,), created_by=leia)
    exchange = make(lobot, "Exchange", days_ago=50, clients=(connect, ledger))
    return [
        (nightly, [directory, reporting]),
        (shared, [directory, connect]),
        (expired, [reporting]),
        (lost, [directory]),
        (operations, [hangar, directory]),
        (falcon, []),
        (exchange, [connect, ledger]),
    ]
