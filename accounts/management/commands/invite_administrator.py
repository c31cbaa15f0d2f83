from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.urls import reverse

from accounts import emails
from accounts.actions.invitations import withdraw_invitation
from accounts.actions.organizations import invite_administrator
from accounts.emails import absolute
from accounts.management.operator_command import OperatorCommand
from accounts.management.organizations import find_organization
from accounts.management.people import typed_address
from core.moments import in_words


class Command(OperatorCommand):
    help = (
        "Send a one-time link that makes a person account administrator of an organization: again "
        "if the first link was lost, or to someone else if the organization lost its administrator."
    )
    examples = ('"Example Corp" grace@example.com', '"Example Corp" grace@example.com --withdraw')

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="name or ID of the organization")
        parser.add_argument("email", help="email address of a new person or of a member")
        parser.add_argument(
            "--withdraw", action="store_true", help="withdraw the open invitation instead"
        )
        parser.add_argument("--no-email", action="store_true", help="only print the link")

    def run(self, **options: Any) -> None:
        organization = find_organization(options["organization"])
        email = typed_address(options["email"])
        if options["withdraw"]:
            invitation = organization.invitations.unsettled().filter(email=email).first()
            if invitation is None:
                raise CommandError("This address has no open invitation.")
            withdraw_invitation(invitation, actor=None, origin=self.origin)
            self.stdout.write(f"Withdrew the invitation to {email}.")
            return
        invitation, raw_token = invite_administrator(
            organization, email, actor=None, origin=self.origin
        )
        sent = not options["no_email"] and emails.invitation(invitation, raw_token)
        how = "emailed them" if sent else "didn't email them"
        self.stdout.write(
            f"We {how} this link. It works once and expires on {in_words(invitation.expires_at)}:"
        )
        self.stdout.write(absolute(reverse("accounts:open_invitation", args=[raw_token])))
