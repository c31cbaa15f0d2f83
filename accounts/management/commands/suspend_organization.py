from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.actions.organizations import resume_organization, suspend_organization
from accounts.management.operator_command import OperatorCommand
from accounts.management.organizations import find_organization


class Command(OperatorCommand):
    help = (
        "Suspend an organization: from their next request on, its people, apps, credentials and "
        "tokens don't work. The command emails its account administrators."
    )
    examples = ('"Example Corp" --reason "Unpaid invoices"', '"Example Corp" --undo')

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="name or ID of the organization")
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--reason", help="why; its account administrators see it")
        choice.add_argument("--undo", action="store_true", help="resume the organization")

    def run(self, **options: Any) -> None:
        organization = find_organization(options["organization"])
        if options["undo"]:
            resume_organization(organization, actor=None, origin=self.origin)
            self.stdout.write(f"{organization} works again.")
            return
        if not options["reason"].strip():
            raise CommandError("The reason is empty.")
        suspend_organization(organization, reason=options["reason"], actor=None, origin=self.origin)
        self.stdout.write(f"{organization} is suspended.")
