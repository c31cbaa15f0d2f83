"""How often one person can send emails to others, and create things, on pages behind sign-in.

Sign-in has limits of its own (`ACCOUNT_RATE_LIMITS`), and so do the APIs
(`credentials/throttle.py`).
"""

from dataclasses import dataclass

from allauth.core.internal.ratelimit import consume
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

# So many times the limit of a setting, which is meant for a minute.
IN_A_DAY = 20


@dataclass(frozen=True)
class Limit:
    name: str
    things: str

    def count(self, request: HttpRequest) -> None:
        """Count one more for the person; a `ValidationError` if they have to wait."""
        allowed: tuple[int, int] | None = settings.PERSON_LIMITS[self.name]
        if allowed is None:
            return
        often, seconds = allowed
        rates = {self.name: f"{often}/{seconds}s/user,{often * IN_A_DAY}/d/user"}
        if consume(request, app="allauth.account", action=self.name, config=rates) is None:
            raise ValidationError(
                f"That’s too many {self.things}. Each person can do this {often} times in "
                f"{seconds} seconds and {often * IN_A_DAY} times in a day. Try again later.",
                code="too_many",
            )


# People choose the address, or the colleague, so others could get any number of them.
EMAILS = Limit("emails", "emails")
# No person fills in these forms faster.
CREATIONS = Limit("creations", "new apps, secrets, and credentials")
