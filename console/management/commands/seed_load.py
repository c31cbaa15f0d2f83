import time
from dataclasses import asdict, fields
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.environments import Environment
from console.load.organization import LoadedOrganization, Size, is_taken, load


class Command(BaseCommand):
    help = "Create a large organization for performance tests. Don't run it in a real installation."

    def add_arguments(self, parser: CommandParser) -> None:
        defaults = asdict(Size())
        for field in fields(Size):
            option = f"--{field.name.replace('_', '-')}"
            parser.add_argument(
                option, type=int, default=defaults[field.name], help="default: %(default)s"
            )
        parser.add_argument(
            "--organization", default="Load Test", help="its name (default: %(default)s)"
        )
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same data")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Two people in the organization get a public password, so only an installation "
                "with DEMO=1 can load it."
            )
        size = Size(**{field.name: options[field.name] for field in fields(Size)})
        _require_sense(size)
        if is_taken(options["organization"]):
            raise CommandError(f"The organization {options['organization']} already exists.")
        started = time.monotonic()
        loaded = load(options["organization"], size, seed=options["seed"])
        self._report(loaded, time.monotonic() - started)

    def _report(self, loaded: LoadedOrganization, seconds: float) -> None:
        people, apps = loaded.people, loaded.apps
        listed = sum(map(len, loaded.credentials.clients.values()))
        counts = {
            "people": len(people.memberships),
            "platform logins": sum(map(len, people.logins.values())),
            "access requests": len(people.requests),
            "invitations": len(people.invitations),
            "apps": len(apps.applications),
            "client IDs": sum(map(len, apps.clients.values())),
            "credentials": len(loaded.credentials.credentials),
            "allowed apps of credentials": listed,
            **loaded.usage,
            "refusals": loaded.refusals,
            "audit events": loaded.events,
        }
        for name, count in counts.items():
            self.stdout.write(f"{count:>12,} {name}")
        self.stdout.write(f"{seconds:>12.1f} seconds\n\nSign in as:")
        for membership in (people.administrator, people.developer):
            what = "account administrator, " if membership.is_account_admin else ""
            self.stdout.write(f"  {membership.user.email:<28} {what}{membership.role}")
        self.stdout.write(f"Password for both: {settings.DEMO_PASSWORD}")
        client = apps.clients[Environment.PRODUCTION][0]
        self.stdout.write(f"An app in {client.environment}: {client.client_id} {apps.raw_secret}")


def _require_sense(size: Size) -> None:
    # You can sign in as two of the people, and exchange credentials with one app.
    least = {"people": 2, "apps": 1}
    for name, count in asdict(size).items():
        if count < least.get(name, 0):
            raise CommandError(f"--{name.replace('_', '-')} must be at least {least.get(name, 0)}.")
