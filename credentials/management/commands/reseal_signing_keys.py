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
        "Re-encrypt every private signing key and every second factor with the newest (first) key "
        "in KEY_ENCRYPTION_KEYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="print how many are due, without changing anything",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            sealed = SigningKey.objects.values_list("sealed_private_key", flat=True)
            due = sum(not vault.is_sealed_with_newest(value) for value in sealed)
            self.stdout.write(f"Signing keys to re-encrypt: {due}.")
            self.stdout.write(f"Second factors to re-encrypt: {len(due_second_factors())}.")
            return
        keys = reseal_signing_keys(origin=Origin.command("reseal_signing_keys"))
        factors = reseal_second_factors()
        self.stdout.write(f"Signing keys re-encrypted: {len(keys.resealed)}.")
        self.stdout.write(f"Second factors re-encrypted: {len(factors.resealed)}.")
        self._refuse_unreadable(
            [key.kid for key in keys.unreadable], [user.email for user in factors.unreadable]
        )
        self.stdout.write("You can now remove all keys except the first from KEY_ENCRYPTION_KEYS.")

    @staticmethod
    def _refuse_unreadable(kids: Sequence[str], people: Sequence[str]) -> None:
        problems = []
        if kids:
            problems.append(
                f"No key in KEY_ENCRYPTION_KEYS can decrypt these signing keys: {', '.join(kids)}. "
                "They can still verify, but can't sign."
            )
        if people:
            problems.append(
                f"No key can decrypt the second factors of these people: {', '.join(people)}. "
                "To remove a person's factors, run `reset_second_factor EMAIL`."
            )
        if problems:
            raise CommandError(
                " ".join(problems)
                + " Restore the key that encrypted them, or see docs/how-to/back-up.md."
            )
