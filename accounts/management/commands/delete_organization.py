from typing import Any

from django.core.management.base import CommandParser

from accounts.actions.organizations import delete_organization
from accounts.management.operator_command import OperatorCommand
from accounts.management.organizations import find_organization


class Command(OperatorCommand):
    help = (
        "Delete an organization that no one has joined, with its open invitations. Suspend any "
        "other organization instead: its audit log and its credentials are kept."
    )
    examples = ('"Exmple Corp"',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="name or ID of the organization")

    def run(self, **options: Any) -> None:
        organization = find_organization(options["organization"])
        delete_organization(organization, actor=None, origin=self.origin)
        self.stdout.write(f"Deleted {organization}.")
