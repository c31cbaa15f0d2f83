from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from accounts.management.operator_command import OperatorCommand
from console.database_copy import Mismatch, copy_everything

SOURCE = "source"


class Command(OperatorCommand):
    help = (
        "Copy everything from an SQLite database into the empty, migrated database in "
        "DATABASE_URL, with all IDs, signing keys and audit chains. Stop the console first, and "
        "run the command as the role that owns the tables."
    )
    examples = ("data/console.sqlite3",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the SQLite database")

    def run(self, **options: Any) -> None:
        file: Path = options["file"]
        if not file.is_file():
            raise CommandError(f"{file} doesn't exist.")
        connections.settings[SOURCE] = connections.settings[DEFAULT_DB_ALIAS] | {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{file.resolve().as_uri()}?mode=ro",
            "OPTIONS": {"uri": True},
        }
        try:
            for table, rows in copy_everything(SOURCE, DEFAULT_DB_ALIAS):
                self.stdout.write(f"{table}: {rows}")
        except Mismatch as error:
            raise CommandError(str(error)) from error
        finally:
            connections[SOURCE].close()
            del connections[SOURCE]
            del connections.settings[SOURCE]
        self.stdout.write("Everything is copied. Check the audit chains with verify_audit.")
