"""How often one person can send emails to others, and create things, on pages behind sign-in.

Sign-in has limits of its own (`ACCOUNT_RATE_LIMITS`), and so do the APIs
(`credentials/throttle.py`).
"""

from dataclasses import dataclass

from allauth.core.internal.ratelimit import consume
from django.core.exceptions import ValidationError
from django.http import HttpRequest

_RATE = "{0.in_a_minute}/m/user,{0.in_a_day}/d/user"


@dataclass(frozen=True)
class Limit:
    action: str
    things: str
    in_a_minute: int
    in_a_day: int

    def count(self, request: HttpRequest) -> None:
        """Count one more for the person; a `ValidationError` if they have to wait."""
        rates = {self.action: _RATE.format(self)}
        if consume(request, app="allauth.account", action=self.action, config=rates) is None:
            raise ValidationError(
                f"That’s too many {self.things}. Each person can do this {self.in_a_minute} times "
                f"in a minute and {self.in_a_day} times in a day. Try again later.",
                code="too_many",
            )


# People choose the address, or the colleague, so others could get any number of them.
EMAILS = Limit("emails_to_others", "emails", in_a_minute=10, in_a_day=200)
# No person fills in these forms faster.
CREATIONS = Limit("creations", "new apps, secrets, and credentials", in_a_minute=10, in_a_day=200)
