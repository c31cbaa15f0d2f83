from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.operator_command import OperatorCommand
from credentials.actions.suspensions import resume_application, suspend_application
from credentials.models import Application


class Command(OperatorCommand):
    help = (
        "Suspend an app of any organization in both environments: from the next request on, its "
        "client IDs and tokens don't work. The command emails its owner, who can't "
        "undo it."
    )
    examples = ('CLIENT_ID --reason "Floods the API"', "CLIENT_ID --undo")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id", help="a client ID of the app")
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--reason", help="why; the owner of the app sees it")
        choice.add_argument("--undo", action="store_true", help="resume the app")

    def run(self, **options: Any) -> None:
        application = Application.objects.filter(clients__client_id=options["client_id"]).first()
        if application is None:
            raise CommandError("No app has this client ID.")
        if options["undo"]:
            resume_application(application, actor=None, origin=self.origin)
            self.stdout.write(f"{application} works again.")
            return
        if not options["reason"].strip():
            raise CommandError("The reason is empty.")
        suspend_application(application, reason=options["reason"], actor=None, origin=self.origin)
        self.stdout.write(f"{application} is suspended.")
