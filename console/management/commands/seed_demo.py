import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from console import demo


class Command(BaseCommand):
    help = "Load the demo organizations; run twice it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print all demo data as one JSON document"
        )
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="load only into a database without organizations, and print the sign-ins",
        )
        parser.add_argument("--force", action="store_true", help="even without DEMO=1")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (settings.DEMO or options["force"]):
            raise CommandError(
                "The demo people have known passwords. Set DEMO=1, or insist with --force."
            )
        occupied = options["if_empty"] and Organization.objects.exists()
        if not occupied and not demo.is_loaded():
            demo.load()
        if options["json"] and not demo.is_loaded():
            raise CommandError("This database holds other organizations and no demo to describe.")
        if options["json"]:
            self.stdout.write(json.dumps(demo.document(), indent=2))
        elif demo.is_loaded():
            self._print_sign_ins()

    def _print_sign_ins(self) -> None:
        self.stdout.write(f"\nDeveloper Console   {settings.ORIGIN}\n\nSign in as:")
        for person in demo.PEOPLE:
            what = person.role.label
            if person.is_account_admin:
                what += ", account administrator"
            self.stdout.write(f"  {person.email:<26} {person.organization:<22} {what}")
        self.stdout.write(f"Password for all: {settings.DEMO_PASSWORD}\n")
