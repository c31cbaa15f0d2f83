import json
from typing import Any

from django.core.management.base import CommandParser

from accounts.management.operator_command import OperatorCommand
from accounts.reports.organizations import listed_organizations, state_of, wanted_organizations


class Command(OperatorCommand):
    help = "List the organizations with their state and size, one per line."
    examples = ("", "--search example", "--suspended --json")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--search", default="", metavar="TEXT", help="part of the name")
        parser.add_argument(
            "--suspended", action="store_true", help="only those that are suspended"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document per line")

    def run(self, **options: Any) -> None:
        state = "suspended" if options["suspended"] else ""
        found = wanted_organizations(listed_organizations(), text=options["search"], state=state)
        organization: Any
        for organization in found.order_by("name", "pk"):
            row = {
                "id": str(organization.pk),
                "name": organization.name,
                "state": state_of(organization),
                "people": organization.people,
                "created_at": organization.created_at.isoformat(),
            }
            columns = [str(value) for value in row.values()]
            self.stdout.write(json.dumps(row) if options["json"] else "\t".join(columns))
