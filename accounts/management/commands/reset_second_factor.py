from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.actions.factors import remove_second_factors
from accounts.management.people import find_person, typed_proof
from core.origin import Origin


class Command(BaseCommand):
    help = (
        "Remove all second factors and recovery codes of a person who lost them. Verify the "
        "person's identity first, as docs/how-to/operate.md describes: afterwards, the password "
        "alone is enough to sign in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="email address of the person")
        parser.add_argument(
            "--proof",
            required=True,
            type=typed_proof,
            help="how the person proved who they are; goes into the audit log",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["email"])
        removed = remove_second_factors(
            user, proof=options["proof"], origin=Origin.command("reset_second_factor")
        )
        what = ", ".join(removed) or "nothing, because there was no second factor"
        self.stdout.write(f"Removed from {user.email}: {what}.")
