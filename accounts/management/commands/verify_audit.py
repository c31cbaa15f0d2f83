import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit_chain import FileReport, Head, verify_lines
from accounts.models import Organization
from accounts.reports.audit_chains import ChainReport, chains, verify_chain


class Command(BaseCommand):
    help = (
        "Prove that no sealed audit event was changed or removed, and print the head of each "
        "chain to be noted elsewhere. Exits with 1 if a chain is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--organization", metavar="NAME_OR_ID", help="only the chain of this organization"
        )
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="HEAD",
            help="a head noted earlier (chain:position:hash) must be there; may be repeated",
        )
        parser.add_argument(
            "--file",
            metavar="EXPORT",
            help="verify an export in JSON Lines instead (- is standard input); needs no database",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        noted = [_head(text) for text in options["expect"]]
        if options["file"]:
            self._verify_file(options["file"], noted)
        else:
            self._verify_database(options["organization"], noted)

    def _verify_database(self, wanted: str | None, noted: list[Head]) -> None:
        found = chains(_organization(wanted) if wanted else None)
        _require_known(noted, (chain for chain, _ in found))
        broken = 0
        for chain, name in found:
            report = verify_chain(chain, name, noted)
            broken += bool(report.problem)
            self._tell(report)
        if broken:
            raise CommandError(f"{broken} of {len(found)} chains broken.")

    def _tell(self, report: ChainReport) -> None:
        sealed = report.head.position if report.head else 0
        self.stdout.write(f"{report.name}: {sealed} events proved.")
        if report.head:
            self.stdout.write(f"  Head: {report.head}")
        if report.oldest_unsealed:
            self.stdout.write(
                f"  Not sealed yet: {report.unsealed}, the oldest of "
                f"{report.oldest_unsealed:%Y-%m-%d %H:%M} UTC."
            )
        if report.problem:
            self.stdout.write(self.style.ERROR(f"  BROKEN: {report.problem}"))

    def _verify_file(self, name: str, noted: list[Head]) -> None:
        try:
            if name == "-":
                report = verify_lines(sys.stdin, noted)
            else:
                with Path(name).open(encoding="utf-8") as lines:
                    report = verify_lines(lines, noted)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{name} can't be read: {error}") from error
        _require_known(noted, [report.chain])
        self._tell_file(report)
        if report.problem:
            raise CommandError("The export is not what was sealed.")

    def _tell_file(self, report: FileReport) -> None:
        self.stdout.write(f"Chain {report.chain}: {report.sealed} sealed events read.")
        if report.unsealed:
            self.stdout.write(f"  Not sealed when exported, so not proved: {report.unsealed}.")
        if report.problem:
            self.stdout.write(self.style.ERROR(f"  BROKEN: {report.problem}"))
        elif report.is_whole:
            self.stdout.write("  The whole chain: nothing was changed, removed or added.")
        else:
            self.stdout.write(
                "  A filtered export: each event fits its hash, and neighbours follow one "
                "another. It can't show that no event is missing, nor that the hashes are those "
                "of the chain; compare them with a whole export or with the database."
            )
        if report.head and not report.problem:
            self.stdout.write(f"  {'Head' if report.is_whole else 'Last'}: {report.head}")


def _head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as error:
        raise CommandError(f"{text} is not a head: chain:position:hash is.") from error


def _require_known(noted: Iterable[Head], known: Iterable[str]) -> None:
    """A noted head of a chain that is not there would be left out, and that be taken for proof."""
    known = set(known)
    for head in noted:
        if head.chain not in known:
            raise CommandError(f"There is no chain {head.chain} here; a head of it was noted.")


def _organization(wanted: str) -> Organization:
    try:
        found = Organization.objects.filter(pk=UUID(wanted))
    except ValueError:
        found = Organization.objects.filter(name=wanted)
    if len(found) != 1:
        raise CommandError(f"{len(found)} organizations have this name; give the id.")
    return found[0]
