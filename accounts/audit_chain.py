"""The hash chain of the audit log: how an event is serialized and linked to the one before it.

A chain belongs to one organization, or to the operator. Its links are numbered from 1, and

    hash(0) = SHA-256("audit chain 1\\n" + chain)
    hash(n) = SHA-256(hash(n - 1) + "\\n" + n + "\\n" + canonical event)

where hashes are 64 lower-case hexadecimal digits, and the canonical event is its document as JSON:
keys sorted, no blanks, ASCII only, whole numbers without fraction. Both databases, any time zone,
and any order of keys give the same text. docs/how-to/verify-the-audit-log.md says what this
proves.
"""

import hashlib
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

OPERATOR = "operator"

Document = dict[str, Any]


def chain_of(organization_id: UUID | None) -> str:
    return str(organization_id) if organization_id else OPERATOR


def genesis(chain: str) -> str:
    """The hash before the first link. It differs for each chain, so links fit no other chain."""
    return _sha256(f"audit chain 1\n{chain}")


def link_hash(previous: str, position: int, document: Document) -> str:
    return _sha256(f"{previous}\n{position}\n{canonical(document)}")


def canonical(document: Document) -> str:
    return json.dumps(plain(document), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def plain(value: Any) -> Any:
    # PostgreSQL returns 1e2 as 100, SQLite as 100.0.
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def moment(at: datetime) -> str:
    """`2026-01-11T10:40:00.000000Z`: in UTC, always with microseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def address(ip: str | None) -> str | None:
    # Libraries spell an IPv4 address inside IPv6 differently, so we choose one spelling.
    if not ip:
        return None
    parsed = ipaddress.ip_address(ip)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else parsed.compressed


@dataclass(frozen=True)
class Head:
    """A place in a chain, written `chain:position:hash`."""

    chain: str
    position: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Raises ValueError for text that `verify_audit` didn't print."""
        chain, position, noted = text.strip().split(":")
        if len(noted) != 64 or int(position) < 1:
            raise ValueError(text)
        return cls(chain, int(position), noted.lower())

    def __str__(self) -> str:
        return f"{self.chain}:{self.position}:{self.hash}"


@dataclass
class FileReport:
    """The result of verifying a file of exported events."""

    chain: str = ""
    is_whole: bool = False
    filters: dict[str, Any] = field(default_factory=dict)
    sealed: int = 0
    unsealed: int = 0
    head: Head | None = None
    problem: str = ""
    _problem_at: int = 0

    def note(self, position: int, problem: str) -> None:
        # Lines can be in any order, and the first problem in the chain is the one to report.
        if not self.problem or position < self._problem_at:
            self.problem, self._problem_at = problem, position


@dataclass
class _Links:
    """Joins the lines of a file to a chain, in any order. Lines after a gap wait."""

    report: FileReport
    at: int
    hash: str
    waiting: dict[int, tuple[str, str]] = field(default_factory=dict)
    noted: dict[int, str] = field(default_factory=dict)

    def add(self, position: int, previous: str, link: str) -> None:
        if position <= self.at or position in self.waiting:
            self.report.note(position, f"Position {position} appears twice.")
            return
        self.waiting[position] = (previous, link)
        while self.at + 1 in self.waiting:
            self._advance(self.at + 1)

    def finish(self) -> None:
        # A filtered export has gaps, so continue after each of them.
        for position in sorted(self.waiting):
            if self.report.is_whole:
                missing = self.at + 1
                self.report.note(missing, f"The event at position {missing} is missing.")
            if position != self.at + 1:
                self.hash = self.waiting[position][0]
            self._advance(position)

    def _advance(self, position: int) -> None:
        previous, link = self.waiting.pop(position)
        if previous != self.hash:
            self.report.note(
                position, f"The event at position {position} doesn't follow the one before it."
            )
        expected = self.noted.pop(position, link)
        if expected != link:
            self.report.note(
                position, f"The hash at position {position} doesn't match the head that you noted."
            )
        self.at, self.hash = position, link


def verify_lines(lines: Iterable[str], noted: Iterable[Head] = ()) -> FileReport:
    report, noted = FileReport(), list(noted)
    links: _Links | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if number == 1:
                _begin(entry["export"], report)
            else:
                links = links or _chain_of_lines(report, noted)
                _check(entry, report, links)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            report.note(0, f"Line {number} isn't a line of an export.")
    links = links or _chain_of_lines(report, noted)
    links.finish()
    _check_end(report, links)
    return report


def _begin(export: dict[str, Any], report: FileReport) -> None:
    report.chain = export["chain"]
    report.filters = export["filters"]
    report.is_whole = not report.filters
    if export["head"]:
        report.head = Head(
            report.chain, _number(export["head"]["position"]), export["head"]["hash"]
        )


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _chain_of_lines(report: FileReport, noted: Iterable[Head]) -> _Links:
    heads = [head for head in noted if head.chain == report.chain]
    if report.head and report.is_whole:
        heads.append(report.head)
    links = _Links(report, at=0, hash=genesis(report.chain))
    for head in heads:
        if links.noted.setdefault(head.position, head.hash) != head.hash:
            report.note(
                head.position,
                f"The hash at position {head.position} doesn't match the head that you noted.",
            )
    return links


def _check(entry: dict[str, Any], report: FileReport, links: _Links) -> None:
    document, seal = entry["event"], entry["seal"]
    if seal is None:
        report.unsealed += 1
        return
    position, previous, link = _number(seal["position"]), seal["previous"], seal["hash"]
    report.sealed += 1
    organization = document["organization"]
    if (organization or OPERATOR) != report.chain:
        report.note(position, f"Event {document['id']} belongs to another chain.")
    elif link_hash(previous, position, document) != link:
        report.note(
            position,
            f"Event {document['id']} at position {position} was changed after it was sealed.",
        )
    links.add(position, previous, link)


def _check_end(report: FileReport, links: _Links) -> None:
    for position in sorted(links.noted):
        if report.is_whole:
            report.note(
                links.at + 1,
                f"The file ends at position {links.at}, but you noted a head at {position}.",
            )
    report.head = Head(report.chain, links.at, links.hash) if links.at else None
