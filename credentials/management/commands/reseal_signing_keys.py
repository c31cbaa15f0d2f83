from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.factors import due_second_factors, reseal_second_factors
from core import vault
from core.origin import Origin
from credentials.actions.signing_keys import reseal_signing_keys
from credentials.models import SigningKey


class Command(BaseCommand):
    help = (
        "Seal every private signing key and every second factor with the newest (first) of "
        "KEY_ENCRYPTION_KEYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many are due and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            sealed = SigningKey.objects.values_list("sealed_private_key", flat=True)
            due = sum(not vault.is_sealed_with_newest(value) for value in sealed)
            self.stdout.write(f"Signing keys to seal anew: {due}.")
            self.stdout.write(f"Second factors to seal anew: {len(due_second_factors())}.")
            return
        keys = reseal_signing_keys(origin=Origin.command("reseal_signing_keys"))
        factors = reseal_second_factors()
        self.stdout.write(f"Signing keys sealed anew: {len(keys.resealed)}.")
        self.stdout.write(f"Second factors sealed anew: {len(factors.resealed)}.")
        self._name_what_stays_shut(
            [key.kid for key in keys.unreadable], [user.email for user in factors.unreadable]
        )
        self.stdout.write("KEY_ENCRYPTION_KEYS may hold the first key alone now.")

    @staticmethod
    def _name_what_stays_shut(kids: Sequence[str], people: Sequence[str]) -> None:
        problems = []
        if kids:
            problems.append(
                f"These signing keys could not be opened with any of KEY_ENCRYPTION_KEYS: "
                f"{', '.join(kids)}. They verify on, but can't sign."
            )
        if people:
            problems.append(
                f"The second factors of these people could not be opened: {', '.join(people)}. "
                "`reset_second_factor EMAIL` takes them away."
            )
        if problems:
            raise CommandError(
                " ".join(problems)
                + " Put back the key that sealed them, or see docs/how-to/back-up.md."
            )
