from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.external_ids import Holder, set_external_id
from accounts.environments import Environment
from accounts.management.organizations import find_organization
from accounts.management.people import typed_address
from accounts.models import Extension, PlatformAccount
from accounts.platform.words import word
from core.origin import Origin

# The options that say whose it is, each with the error if it finds nothing.
NOT_FOUND = {
    "email": "No one with this email address has a {environment} {account}.",
    "extension": "No {environment} {extension} has this ID.",
    "organization": "This organization has no {environment} {account}.",
    "account": "No {environment} {account} has this ID.",
}


class Command(BaseCommand):
    help = (
        "Set the identifier that your own systems use for a person, or for an organization's "
        "account, in one environment. Introspection returns it to your APIs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment", choices=Environment.values)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--value",
            metavar="EXTERNAL_ID",
            help="up to 255 printable ASCII characters, unique in the environment",
        )
        what.add_argument("--clear", action="store_true", help="remove the identifier instead")
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--email", help="email address of the person")
        extension, account = word("extension"), word("account")
        whose.add_argument(
            "--extension", type=int, metavar="ID", help=f"the person's {extension} ID"
        )
        whose.add_argument("--organization", metavar="NAME_OR_ID", help=f"the {account}'s owner")
        whose.add_argument("--account", type=int, metavar="ID", help=f"the {account} ID")

    def handle(self, *args: Any, **options: Any) -> None:
        external_id: str = options["value"] or ""
        # An empty shell variable must not remove an identifier.
        if not external_id and not options["clear"]:
            raise CommandError("The external ID is empty. To remove it, use --clear.")
        option = next(name for name in NOT_FOUND if options[name] is not None)
        holder = _holder(Environment(options["environment"]), option, options[option])
        try:
            set_external_id(holder, external_id, origin=Origin.command("set_external_id"))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        has = f"the external ID {external_id}" if external_id else "no external ID"
        self.stdout.write(f"{holder} has {has}.")


def _holder(environment: Environment, option: str, value: Any) -> Holder:
    extensions = Extension.objects.in_environment(environment).select_related("account", "user")
    accounts = PlatformAccount.objects.filter(environment=environment).select_related(
        "organization"
    )
    found: Holder | None
    match option:
        case "email":
            found = extensions.filter(user__email=typed_address(value)).first()
        case "extension":
            found = extensions.filter(pk=value).first()
        case "organization":
            found = accounts.filter(organization=find_organization(value)).first()
        case _:
            found = accounts.filter(pk=value).first()
    if found is None:
        words = {name: word(name) for name in ("extension", "account")}
        raise CommandError(NOT_FOUND[option].format(environment=environment, **words))
    return found
