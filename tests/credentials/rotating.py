"""Rotations in tests, and the answers of the Auth API about either credential."""

from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from post_office.models import Email

from accounts.models import Membership
from core.moments import in_words
from credentials.actions.rotations import rotate_jwt_credential
from credentials.models import JwtCredential, Rotation
from tests import api, cast
from tests.api import App, oauth_error

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def rotation_of(
    credential: JwtCredential,
    *,
    actor: Membership | None = None,
    grace_period: timedelta = DAY,
    deadline: date | timedelta = 30 * DAY,
    expires_on: date | None = None,
    at: datetime | None = None,
) -> Rotation:
    return rotate_jwt_credential(
        credential,
        label=f"{credential.label} 2",
        expires_on=expires_on,
        grace_period=grace_period,
        deadline=deadline,
        actor=(actor or credential.owner).user,
        origin=cast.ORIGIN,
        at=at,
    )


def end_at(credential: JwtCredential, at: datetime) -> None:
    """As if its rotation had closed then; `tick` has not marked it as revoked yet."""
    credential.superseded_at = at
    credential.save(update_fields=["superseded_at"])


def closed(rotation: Rotation, ago: timedelta = HOUR) -> datetime:
    """Changes the rotation as if it had closed a while ago."""
    at = timezone.now() - ago
    Rotation.objects.filter(pk=rotation.pk).update(started_at=at - DAY, deadline=at)
    end_at(rotation.replaced, at)
    rotation.refresh_from_db()
    return at


def replaced_error(at: datetime) -> dict[str, Any]:
    return oauth_error(
        "invalid_grant",
        "JWT-102",
        f"This credential was replaced and stopped working on {in_words(at)}. Use its replacement.",
    )


def answer(app: App, credential: JwtCredential) -> tuple[int, str]:
    """Status and error code of an exchange; the code is empty if it was granted."""
    response = api.exchange(app, credential.encode())
    body = response.json()
    return response.status_code, body["errors"][0]["errorCode"] if "errors" in body else ""


def emails() -> list[tuple[list[str], str]]:
    return [(email.to, email.subject) for email in Email.objects.order_by("pk")]
