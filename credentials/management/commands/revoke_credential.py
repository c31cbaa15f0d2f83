from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.management.operator_command import OperatorCommand
from credentials.actions.suspensions import revoke_for_operator
from credentials.models import JwtCredential


class Command(OperatorCommand):
    help = (
        "Revoke a JWT credential of any organization for good: from the next request on, it and "
        "its tokens don't work. The command emails its owner."
    )
    examples = ('CREDENTIAL_ID --reason "Used by a scraper"',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("credential_id", help="ID of the credential, the jti of its JWT")
        parser.add_argument("--reason", required=True, help="why; the owner sees it")

    def run(self, **options: Any) -> None:
        credential = JwtCredential.objects.filter(pk=_uuid(options["credential_id"])).first()
        if credential is None:
            raise CommandError("No credential has this ID.")
        revoke_for_operator(credential, reason=options["reason"], actor=None, origin=self.origin)
        self.stdout.write(f"{credential} is revoked.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
