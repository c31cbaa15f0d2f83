from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.environments import Environment
from core.origin import Origin
from credentials.actions.signing_keys import rotate_signing_key
from credentials.models.signing_keys import KeyPurpose

PLANNED_MESSAGES = {
    KeyPurpose.CREDENTIAL: "JWT credentials that the previous key signed keep working.",
    KeyPurpose.ACCESS_TOKEN: "Access tokens that the previous key signed work until they expire.",
}
COMPROMISED_MESSAGES = {
    KeyPurpose.CREDENTIAL: (
        "The previous key is distrusted. JWT credentials that it signed in this environment no "
        "longer work, and their owners have to create new ones."
    ),
    KeyPurpose.ACCESS_TOKEN: (
        "The previous key is distrusted. This server refuses every access token that it signed, "
        "and apps have to exchange their JWTs again. Resource servers refuse these tokens after "
        "they refetch the key set."
    ),
}


class Command(BaseCommand):
    help = (
        "Rotate the signing key of one environment and purpose. The next key signs from now on, "
        "and the previous key still verifies."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment", choices=Environment.values)
        parser.add_argument("purpose", choices=KeyPurpose.values)
        parser.add_argument(
            "--compromised",
            action="store_true",
            help="distrust the previous key: everything that it signed stops working",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        environment = Environment(options["environment"])
        purpose = KeyPurpose(options["purpose"])
        key = rotate_signing_key(
            environment,
            purpose,
            compromised=options["compromised"],
            origin=Origin.command("rotate_signing_key"),
        )
        self.stdout.write(f"{environment.label}: the {purpose.label.lower()} key is now {key.kid}.")
        messages = COMPROMISED_MESSAGES if options["compromised"] else PLANNED_MESSAGES
        self.stdout.write(messages[purpose])
        if not key.is_known():
            self.stdout.write(
                f"This key was published on {key.created_at:%Y-%m-%d %H:%M:%S} UTC. Resource "
                f"servers might not know it until {key.known_at:%H:%M:%S} UTC, unless they refetch "
                "the key set when a token has an unknown key ID."
            )
