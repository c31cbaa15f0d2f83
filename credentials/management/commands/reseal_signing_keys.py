from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.origin import Origin
from credentials import jose
from credentials.actions.signing_keys import reseal_signing_keys
from credentials.models import SigningKey


class Command(BaseCommand):
    help = "Seal every private signing key with the newest (first) of KEY_ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many are due and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            sealed = SigningKey.objects.values_list("sealed_private_key", flat=True)
            due = sum(not jose.is_sealed_with_newest(value) for value in sealed)
            self.stdout.write(f"Signing keys to seal anew: {due}.")
            return
        outcome = reseal_signing_keys(origin=Origin.command("reseal_signing_keys"))
        self.stdout.write(f"Signing keys sealed anew: {len(outcome.resealed)}.")
        if outcome.unreadable:
            kids = ", ".join(key.kid for key in outcome.unreadable)
            raise CommandError(
                f"These could not be opened with any of KEY_ENCRYPTION_KEYS: {kids}. They verify "
                "on, but can't sign. Put back the key that sealed them, or see docs/operate.md."
            )
        self.stdout.write("KEY_ENCRYPTION_KEYS may hold the first key alone now.")
