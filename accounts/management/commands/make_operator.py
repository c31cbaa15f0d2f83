from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.users import mark_operator
from accounts.models import User
from core.origin import Origin


class Command(BaseCommand):
    help = "Let a person operate the installation in the console, including its signing keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="email address of a person in any organization")
        parser.add_argument("--undo", action="store_true", help="remove this permission")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"].strip()).first()
        if user is None:
            raise CommandError("No one has this email address. Invite the person first.")
        marked = not options["undo"]
        mark_operator(user, marked=marked, origin=Origin.command("make_operator"))
        what = "is" if marked else "is no longer"
        self.stdout.write(f"{user.email} {what} an operator of this installation.")
