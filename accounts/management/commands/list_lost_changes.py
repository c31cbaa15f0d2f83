import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.operator_command import OperatorCommand
from accounts.reports.lost_changes import LostChange, lost_changes


class Command(OperatorCommand):
    help = (
        "After you restored a backup: list what exports of audit logs and the log tell of, and the "
        "database doesn't know. The exit code is 1 if there is anything."
    )
    examples = ("audit.jsonl", "audit.jsonl console.log --since 2027-01-11T10:40:00Z")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="+", help="export in JSON Lines, or file of the log (- is standard input)"
        )
        parser.add_argument(
            "--since",
            default="",
            metavar="TIME",
            help="time of the backup (UTC): also list requests of the log that changed something",
        )

    def run(self, **options: Any) -> None:
        found = lost_changes(_lines(options["file"]), since=options["since"])
        endings = [change for change in found if change.is_ending]
        others = [change for change in found if not change.is_ending]
        self._tell("Access that the restore brought back. End it again:", endings)
        self._tell("Other changes:", others)
        if found:
            raise CommandError(f"{len(found)} changes are missing from this database.")
        self.stdout.write("This database contains every change in these files.")

    def _tell(self, heading: str, changes: list[LostChange]) -> None:
        if changes:
            self.stdout.write(heading)
        for change in changes:
            self.stdout.write("\t".join([change.at, change.what, change.about, change.by]))


def _lines(names: list[str]) -> Iterator[str]:
    for name in names:
        if name == "-":
            yield from sys.stdin
            continue
        try:
            with Path(name).open(encoding="utf-8", errors="replace") as lines:
                yield from lines
        except OSError as error:
            raise CommandError(f"Can't read {name}: {error}") from error
