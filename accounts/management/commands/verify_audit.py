import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit_chain import FileReport, Head, verify_lines
from accounts.management.organizations import find_organization
from accounts.reports.audit_chains import ChainReport, chains, verify_chain
from core.moments import in_words


class Command(BaseCommand):
    help = (
        "Verify that no sealed audit event was changed or removed, and print the head of each "
        "chain. Store the heads in another system. The exit code is 1 if a chain is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--organization",
            metavar="NAME_OR_ID",
            help="verify only the chain of this organization",
        )
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="HEAD",
            help="a head that you recorded earlier (chain:position:hash); can be repeated",
        )
        parser.add_argument(
            "--file",
            metavar="EXPORT",
            help="verify an export in JSON Lines instead (- is standard input), without a database",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        noted = [_head(text) for text in options["expect"]]
        if options["file"]:
            self._verify_file(options["file"], noted)
        else:
            self._verify_database(options["organization"], noted)

    def _verify_database(self, wanted: str | None, noted: list[Head]) -> None:
        found = chains(find_organization(wanted) if wanted else None)
        _require_known(noted, (chain for chain, _ in found))
        broken = 0
        for chain, name in found:
            report = verify_chain(chain, name, noted)
            broken += bool(report.problem)
            self._tell(report)
        if broken:
            raise CommandError(f"Broken chains: {broken} of {len(found)}.")

    def _tell(self, report: ChainReport) -> None:
        sealed = report.head.position if report.head else 0
        self.stdout.write(f"{report.name}: {sealed} events verified.")
        if report.head:
            self.stdout.write(f"  Head: {report.head}")
        if report.oldest_unsealed:
            self.stdout.write(
                f"  Not sealed yet: {report.unsealed}, the oldest from "
                f"{in_words(report.oldest_unsealed)}."
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
            raise CommandError(f"Can't read {name}: {error}") from error
        _require_known(noted, [report.chain])
        self._tell_file(report)
        if report.problem:
            raise CommandError("The export doesn't match the seals.")

    def _tell_file(self, report: FileReport) -> None:
        self.stdout.write(f"Chain {report.chain}: {report.sealed} sealed events read.")
        if report.unsealed:
            self.stdout.write(f"  Not sealed when exported, so not verified: {report.unsealed}.")
        if report.problem:
            self.stdout.write(self.style.ERROR(f"  BROKEN: {report.problem}"))
        elif report.is_whole:
            self.stdout.write("  This is the whole chain. Nothing was changed, removed or added.")
        else:
            self.stdout.write(
                "  This is a filtered export. Each event matches its hash, and consecutive events "
                "are linked. A filtered export can't show that no event is missing, or that the "
                "hashes belong to the chain. To check that, compare it with a whole export or the "
                "database."
            )
        if report.head and not report.problem:
            self.stdout.write(f"  {'Head' if report.is_whole else 'Last'}: {report.head}")


def _head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError as error:
        raise CommandError(f"{text} isn't a head. Write it as chain:position:hash.") from error


def _require_known(noted: Iterable[Head], known: Iterable[str]) -> None:
    # If we ignored a head of an unknown chain, people would think that we verified it.
    known = set(known)
    for head in noted:
        if head.chain not in known:
            raise CommandError(f"--expect names the chain {head.chain}, which doesn't exist here.")
