import json
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from console.demo import is_loaded, load_demo
from console.demo.document import document
from console.demo.people import PEOPLE
from console.env import LOCAL_HOSTS


class Command(BaseCommand):
    help = "Load the demo organizations. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print all demo data as one JSON document"
        )
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="load only into a database without organizations, and print the accounts you can "
            "sign in with",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="load it without DEMO=1, into an installation that only this machine reaches",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_local = urlsplit(settings.ORIGIN).hostname in LOCAL_HOSTS
        if not (settings.DEMO or (options["force"] and is_local)):
            raise CommandError(
                "The demo people have public passwords. Set DEMO=1, or use --force if ORIGIN is "
                "on localhost."
            )
        occupied = options["if_empty"] and Organization.objects.exists()
        if not occupied and not is_loaded():
            load_demo()
        if options["json"] and not is_loaded():
            raise CommandError("This database has other organizations, so the demo wasn't loaded.")
        if options["json"]:
            self.stdout.write(json.dumps(document(), indent=2))
        elif is_loaded():
            self._print_sign_ins()

    def _print_sign_ins(self) -> None:
        self.stdout.write(f"\n{settings.PLATFORM.name}   {settings.ORIGIN}\n\nSign in as:")
        for person in PEOPLE:
            what = person.role.label
            if person.is_account_admin:
                what += ", account administrator"
            self.stdout.write(f"  {person.email:<26} {person.organization:<22} {what}")
        self.stdout.write(f"Password for all: {settings.DEMO_PASSWORD}\n")
