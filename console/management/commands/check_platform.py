import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from accounts.models import Extension
from accounts.platform.catalog import Api, Operation, Platform
from accounts.platform.file import InvalidPlatformFile, read_platform
from accounts.platform.wording import role_in_words
from accounts.platform.words import word
from credentials.reports.platform_losses import app_losses, role_losses


class Command(BaseCommand):
    help = (
        "Check a platform file, and list what it offers and what apps and people would lose. The "
        "exit code is 1 if the file has mistakes."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            nargs="?",
            metavar="FILE",
            type=Path,
            help="the file to check; by default, the file in PLATFORM_FILE",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            platform = read_platform(options["file"]) if options["file"] else settings.PLATFORM
        except InvalidPlatformFile as error:
            sys.exit(str(error))
        self._tell(_offered(platform))
        try:
            losses = [*_losses(platform)]
        except DatabaseError as error:
            self.stdout.write(f"\nNot compared with the database: {str(error).strip()}")
        else:
            self._tell([("Would be lost", losses)])

    def _tell(self, sections: Iterable[tuple[str, list[str]]]) -> None:
        for title, lines in sections:
            self.stdout.write(f"\n{title}")
            for line in lines or ["none"]:
                self.stdout.write(f"  {line}")


def _offered(platform: Platform) -> Iterator[tuple[str, list[str]]]:
    yield "Platform", [platform.name]
    yield (
        "App scopes",
        [
            f"{scope.id}: {scope.label}"
            + (f" (includes {', '.join(scope.includes)})" if scope.includes else "")
            for scope in platform.scopes.values()
        ],
    )
    yield "User permissions", [f"{each.id}: {each.label}" for each in platform.permissions.values()]
    yield (
        "User roles",
        [f"{role.id}: {role.label}. {role_in_words(role)}" for role in platform.roles.values()],
    )
    yield (
        "APIs",
        ["The built-in REST API"] * platform.built_in_api
        + [line for api in platform.apis.values() for line in _api(api)],
    )


def _api(api: Api) -> Iterator[str]:
    version = f" {api.version}" if api.version else ""
    yield f"{api.id}: {api.label}{version}, {len(api.operations)} operations"
    for operation in api.operations:
        yield f"  {operation.method} {operation.path}: {_needs(operation)}"


def _needs(operation: Operation) -> str:
    if operation.is_open:
        return "open to everyone"
    scopes = " or ".join(" ".join(sorted(each)) for each in operation.scopes)
    permission = operation.permission or "no permission"
    return f"{scopes or 'no scope'}, {permission}, {operation.limit_group}"


def _losses(platform: Platform) -> Iterator[str]:
    for app, scopes in app_losses(platform):
        yield f"App {app.name} of {app.organization.name}: {', '.join(scopes)}"
    for loss in role_losses(platform):
        offered = "" if loss.is_offered else " (no longer offered)"
        yield f"Role {loss.role}{offered}: {', '.join(loss.permissions) or 'nothing'}"
        for login in loss.logins:
            yield f"  {login.user.email}{_number(login)} ({login.environment.label.lower()})"
        if more := loss.count - len(loss.logins):
            yield f"  and {more} more"


def _number(login: Extension) -> str:
    has_number = settings.PLATFORM.built_in_api
    return f", {word('extension')} {login.extension_number}" if has_number else ""
