from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.environments import Environment
from core.origin import Origin
from credentials.actions.signing_keys import rotate_signing_key
from credentials.models.signing_keys import KeyPurpose

KEPT = {
    KeyPurpose.CREDENTIAL: "JWT credentials that the former key signed keep working.",
    KeyPurpose.ACCESS_TOKEN: "Access tokens that the former key signed work until they expire.",
}
DISTRUSTED = {
    KeyPurpose.CREDENTIAL: (
        "The former key is distrusted: every JWT credential of this environment that it signed "
        "has stopped working, and its owner has to create a new one."
    ),
    KeyPurpose.ACCESS_TOKEN: (
        "The former key is distrusted: this server refuses every access token that it signed, and "
        "apps have to exchange their JWT again. Services that verify tokens on their own refuse "
        "them once they have fetched the key set anew."
    ),
}


class Command(BaseCommand):
    help = (
        "Let the next signing key of one environment and purpose sign from now on; the former "
        "one still verifies."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment", choices=Environment.values)
        parser.add_argument("purpose", choices=KeyPurpose.values)
        parser.add_argument(
            "--compromised",
            action="store_true",
            help="distrust the former key at once: all that it signed stops working",
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
        self.stdout.write((DISTRUSTED if options["compromised"] else KEPT)[purpose])
        if not key.is_known():
            self.stdout.write(
                "This key has been published only since "
                f"{key.created_at:%Y-%m-%d %H:%M:%S} UTC: services that verify tokens on their own "
                f"may not know it until {key.known_at:%H:%M:%S} UTC, unless they fetch the key set "
                "again when they meet an unknown key ID."
            )
