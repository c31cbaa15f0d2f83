"""Credentials of every status, and the rows of a list of them."""

import re
from datetime import UTC, date, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Membership
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import JwtCredential
from tests import cast
from tests.credentials.pages import (
    text_of,
)


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def expired(owner: Membership, label: str = "Contractor Key") -> JwtCredential:
    return cast.credential(
        owner,
        label=label,
        at=timezone.now() - timedelta(days=90),
        expires_on=today() - timedelta(days=30),
    )


def revoke(credential: JwtCredential, by: Membership, reason: str = "Lost") -> None:
    revoke_jwt_credential(credential, reason=reason, actor=by.user, origin=cast.ORIGIN)


def rows_of(response: Any) -> list[str]:
    rows = re.findall(r"<tr[ >].*?</tr>", text_of(response).partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]
