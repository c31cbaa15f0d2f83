from typing import Any

from django.core.management.base import CommandParser

from accounts.actions.organizations import rename_organization
from accounts.management.operator_command import OperatorCommand
from accounts.management.organizations import find_organization


class Command(OperatorCommand):
    help = "Rename an organization."
    examples = ('"Exmple Corp" "Example Corp"',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="name or ID of the organization")
        parser.add_argument("name", help="the new name")

    def run(self, **options: Any) -> None:
        organization = find_organization(options["organization"])
        renamed = rename_organization(organization, options["name"], actor=None, origin=self.origin)
        self.stdout.write(f"{organization} is now {renamed}.")
