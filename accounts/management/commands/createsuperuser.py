from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Doesn't work here: make a person in an organization an operator with make_operator."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "The console has no superusers. Create an organization with create_organization, and "
            "make a person in it an operator with make_operator."
        )
