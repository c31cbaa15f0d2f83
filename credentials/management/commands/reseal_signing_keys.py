from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.factors import due_second_factors, reseal_second_factors
from core.origin import Origin
from credentials.actions.signing_keys import due_signing_keys, reseal_signing_keys
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
            self.stdout.write(f"Signing keys to re-encrypt: {len(due_signing_keys())}.")
            self.stdout.write(f"Second factors to re-encrypt: {len(due_second_factors())}.")
            return
        keys = reseal_signing_keys(origin=Origin.command("reseal_signing_keys"))
        factors = reseal_second_factors()
        self.stdout.write(f"Signing keys re-encrypted: {len(keys.resealed)}.")
        self.stdout.write(f"Second factors re-encrypted: {len(factors.resealed)}.")
        if keys.lost:
            self.stdout.write(
                f"Former signing keys that no key can decrypt: {len(keys.lost)}. They still verify "
                "what they signed, but people can’t view those JWTs."
            )
        self._refuse_unreadable(keys.unreadable, [user.email for user in factors.unreadable])
        self.stdout.write("You can now remove all keys except the first from KEY_ENCRYPTION_KEYS.")

    @staticmethod
    def _refuse_unreadable(keys: Sequence[SigningKey], people: Sequence[str]) -> None:
        problems = []
        if keys:
            kids = ", ".join(key.kid for key in keys)
            pairs = sorted(
                {f"`rotate_signing_key {key.environment} {key.purpose}`" for key in keys}
            )
            problems.append(
                f"No key in KEY_ENCRYPTION_KEYS can decrypt these signing keys: {kids}. "
                f"They can still verify, but can't sign. To replace them, run {', '.join(pairs)}."
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
