from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.password_resets import send_password_reset_as_operator
from accounts.management.people import find_person
from core.origin import Origin


class Command(BaseCommand):
    help = "Email a link to a person with which they choose a new password. No one else learns it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="email address of the person")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["email"])
        origin = Origin.command("send_password_reset")
        try:
            sent = send_password_reset_as_operator(user, origin=origin)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if not sent:
            raise CommandError("The email server didn't respond. Try again in a few minutes.")
        self.stdout.write(f"Sent a password reset link to {user.email}.")
