"""The credentials of the large organization, the apps they are for, and their use."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from accounts.environments import Environment
from accounts.models import Extension
from console.load import bulk
from console.load.apps import Apps
from console.load.dice import Dice
from console.load.people import People
from console.load.words import LABELS
from credentials.actions.signing_keys import current_signing_key
from credentials.models import (
    AppAccess,
    Client,
    JwtCredential,
    PermittedClient,
    SigningKey,
)
from credentials.models.expiration import NEVER
from credentials.models.signing_keys import KeyPurpose

FIRST_ISSUED = timedelta(days=730)
LIFETIMES = (30, 90, 180, 365, 730, None)
REVOKED_BECAUSE = ("No longer needed", "The laptop was lost", "Left the team", "Rotated")
# The developer that you can sign in as owns one in this many credentials, up to a maximum.
OWN_SHARE, OWN_AT_MOST = 20, 500


@dataclass
class Credentials:
    """In the order of their creation."""

    credentials: list[JwtCredential]
    clients: dict[object, list[Client]] = field(default_factory=dict)
    """The allowed apps of each credential that is limited to some."""


def credentials(
    people: People, apps: Apps, count: int, *, dice: Dice, now: datetime
) -> Credentials:
    keys = {
        environment: current_signing_key(environment, KeyPurpose.CREDENTIAL)
        for environment in Environment
    }
    issued = sorted(dice.moment(now - FIRST_ISSUED, now) for _ in range(count))
    owners = _owners(people, count, dice)
    made = Credentials(
        [
            _credential(people, extension, keys[extension.environment], at, dice, now)
            for extension, at in zip(owners, issued, strict=True)
        ]
    )
    for credential in made.credentials:
        if credential.app_access == AppAccess.SPECIFIC:
            usable = apps.clients[credential.extension.environment]
            chosen = {client.pk: client for client in dice.choices(usable, k=dice.randint(1, 4))}
            made.clients[credential.pk] = list(chosen.values())
    bulk.stream(JwtCredential, made.credentials)
    bulk.stream(PermittedClient, _permitted(made))
    return made


def _owners(people: People, count: int, dice: Dice) -> list[Extension]:
    # One login for each credential.
    own = min(count // OWN_SHARE, OWN_AT_MOST)
    developers = people.developers
    owners = [people.developer] * own
    owners += [dice.favorite(developers) for _ in range(count - own)]
    dice.shuffle(owners)
    logins = [
        [logins[owner.user_id] for logins in people.logins.values() if owner.user_id in logins]
        for owner in owners
    ]
    return [dice.choice(available) for available in logins]


def _credential(
    people: People, extension: Extension, key: SigningKey, at: datetime, dice: Dice, now: datetime
) -> JwtCredential:
    expires_at = _end_of(at, dice.choice(LIFETIMES))
    credential = JwtCredential(
        id=dice.uuid(),
        organization=people.organization,
        extension=extension,
        signing_key=key,
        issuer=extension.environment.urls.base_url,
        label=f"{dice.choice(LABELS)} {dice.randint(1, 99)}",
        app_access=AppAccess.SPECIFIC if dice.chance(0.4) else AppAccess.ORGANIZATION,
        issued_at=at,
        expires_at=expires_at,
        created_by=extension.user if dice.chance(0.95) else people.administrator.user,
        submission_key=dice.uuid(),
    )
    end = min(expires_at, now)
    if dice.chance(0.12):
        by_owner = dice.chance(0.7)
        credential.revoked_at = end = dice.moment(at, end)
        credential.revoked_by = extension.user if by_owner else people.administrator.user
        credential.revoked_reason = dice.choice(REVOKED_BECAUSE)
    if dice.chance(0.75):
        credential.last_used_on = _last_day(at.date(), end.date(), dice)
    return credential


def _end_of(at: datetime, days: int | None) -> datetime:
    if days is None:
        return NEVER
    return datetime.combine(at.date() + timedelta(days=days), time(23, 59, 59), UTC)


def _last_day(first: date, last: date, dice: Dice) -> date:
    # Most are used until they end. Some were forgotten long before.
    return max(first, last - timedelta(days=int(dice.expovariate(1 / 20))))


def _permitted(made: Credentials) -> Iterator[PermittedClient]:
    for credential in made.credentials:
        for client in made.clients.get(credential.pk, ()):
            yield PermittedClient(
                credential=credential, client=client, added_at=credential.issued_at
            )
