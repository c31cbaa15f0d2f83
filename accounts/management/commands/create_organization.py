from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import reverse

from accounts import emails
from accounts.actions.organizations import found_organization
from accounts.emails import absolute
from accounts.management.operator_command import OperatorCommand
from core.moments import in_words


class Command(OperatorCommand):
    help = (
        "Create an organization with its platform accounts, and send its first account "
        "administrator a one-time sign-up link, which the command also prints."
    )
    examples = ('"Example Corp" --admin ada@example.com',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the organization")
        parser.add_argument(
            "--admin",
            required=True,
            metavar="EMAIL",
            help="email address of the first account administrator",
        )
        parser.add_argument("--no-email", action="store_true", help="only print the link")
        parser.add_argument(
            "--same-name",
            action="store_true",
            help="create it even if another organization has this name",
        )
        parser.set_defaults(main_number="")
        if settings.PLATFORM.built_in_api:
            parser.add_argument("--main-number", help="main phone number of the company")

    def run(self, **options: Any) -> None:
        invitation, raw_token = found_organization(
            options["name"],
            options["admin"],
            main_number=options["main_number"],
            name_can_repeat=options["same_name"],
            origin=self.origin,
        )
        url = absolute(reverse("accounts:open_invitation", args=[raw_token]))
        self.stdout.write(f"Created {invitation.organization} for {invitation.email}.")
        how = "Send them this link."
        if not options["no_email"]:
            sent = emails.invitation(invitation, raw_token)
            how = "We emailed them this link." if sent else f"We couldn't email them. {how}"
        self.stdout.write(
            f"{how} It works once and expires on {in_words(invitation.expires_at)}. It isn't shown "
            "again:"
        )
        self.stdout.write(url)
