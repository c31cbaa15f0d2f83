from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.actions.users import mark_operator
from accounts.management.people import find_person
from accounts.second_factor import has_second_factor
from core.origin import Origin


class Command(BaseCommand):
    help = "Let a person operate the installation in the console, including its signing keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="email address of a person in any organization")
        parser.add_argument("--undo", action="store_true", help="remove this permission")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["email"])
        marked = not options["undo"]
        mark_operator(user, marked=marked, origin=Origin.command("make_operator"))
        what = "is" if marked else "is no longer"
        self.stdout.write(f"{user.email} {what} an operator of this installation.")
        if marked and not has_second_factor(user):
            self.stdout.write("They can use the console once they have set up a second factor.")
