from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts.actions.organizations import found_organization
from accounts.emails import absolute
from core.moments import in_words
from core.origin import Origin


class Command(BaseCommand):
    help = (
        "Create an organization with its platform accounts, and print a one-time sign-up link for "
        "its first account administrator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the organization")
        parser.add_argument(
            "--admin",
            required=True,
            metavar="EMAIL",
            help="email address of the first account administrator",
        )
        parser.set_defaults(main_number="")
        if settings.PLATFORM.built_in_api:
            parser.add_argument("--main-number", help="main phone number of the company")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            invitation, raw_token = found_organization(
                options["name"],
                options["admin"],
                main_number=options["main_number"],
                origin=Origin.command("create_organization"),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        url = absolute(reverse("accounts:open_invitation", args=[raw_token]))
        self.stdout.write(f"Created {invitation.organization} for {invitation.email}.")
        self.stdout.write(
            f"Send them this link. It works once and expires on {in_words(invitation.expires_at)}. "
            "It isn't shown again:"
        )
        self.stdout.write(url)
