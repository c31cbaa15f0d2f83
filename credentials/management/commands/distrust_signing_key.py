from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.origin import Origin
from credentials.actions.signing_keys import distrust_signing_key
from credentials.models import SigningKey


class Command(BaseCommand):
    help = "Invalidate everything signed with a retired key, for example after a backup leak."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kid", help="the key ID, as in the header of a token")

    def handle(self, *args: Any, **options: Any) -> None:
        key = SigningKey.objects.filter(pk=options["kid"]).first()
        if key is None:
            raise CommandError("No signing key has this key ID.")
        try:
            distrust_signing_key(key, origin=Origin.command("distrust_signing_key"))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{key} is distrusted. Nothing that it signed works anymore.")
