from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.origin import Origin
from credentials.actions.clients import mark_resource_server
from credentials.models import Client


class Command(BaseCommand):
    help = (
        "Make a client a resource server, which can introspect any access token in its "
        "environment (RFC 7662), report refused calls, and name the IP address of a caller."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id", help="client ID of the resource server")
        parser.add_argument("--undo", action="store_true", help="remove this permission")

    def handle(self, *args: Any, **options: Any) -> None:
        client = (
            Client.objects.select_related("application__organization")
            .filter(client_id=options["client_id"])
            .first()
        )
        if client is None:
            raise CommandError("No app has this client ID.")
        marked = not options["undo"]
        mark_resource_server(client, marked=marked, origin=Origin.command("mark_resource_server"))
        can = "can now" if marked else "can no longer"
        self.stdout.write(
            f"{client.application.name} ({client.environment}) {can} introspect any access "
            "token in its environment."
        )
