"""The primary dies under load and the standby takes over. Nothing that was acknowledged is lost.

`make test-failover` runs it longer, several times, and writes the figures into
docs/how-to/scale.md.
"""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import LiteralString

import psycopg
import pytest

from accounts.models import AuditKind
from tests.credentials.running_console import RunningConsole
from tests.scale.callers import AppCalls, caller
from tests.scale.conftest import Installation
from tests.scale.postgres_pair import Pair, postgres_pair
from tests.scale.workload import Record, Workload

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "scale.md"
BEGIN, END = "<!-- failover: begin -->\n", "<!-- failover: end -->\n"
# Seconds of load before the primary dies and after the standby has taken over.
SECONDS = float(os.environ.get("FAILOVER_SECONDS", "2"))
ROUNDS = int(os.environ.get("FAILOVER_ROUNDS", "1"))
# How long a monitor takes to declare the primary dead. Patroni's defaults are up to 30 s.
DETECTION = 1.0
PROCESSES = 2
# Seconds from the end of the promotion to the next exchange.
RECOVERY = 5.0


@dataclass(frozen=True)
class Outcome:
    record: Record
    killed_at: float
    promotion: float
    """Seconds that the standby took to become primary."""
    gap: float
    """Seconds without a granted exchange, detection and promotion included."""

    @property
    def recovery(self) -> float:
        """Seconds of the gap that the console causes.

        PostgreSQL can accept writes a moment before it reports that it was promoted.
        """
        return max(0.0, self.gap - DETECTION - self.promotion)


def fail_over(installation: Installation) -> Outcome:
    with (
        postgres_pair(installation.url) as pair,
        RunningConsole(pair.url, GRANIAN_WORKERS=str(PROCESSES)) as console,
    ):
        console.wait()
        with Workload(console.port, installation) as workload:
            time.sleep(SECONDS)
            pair.primary.kill()
            # Only now, because the primary can have granted an exchange that began earlier.
            killed_at = time.monotonic()
            time.sleep(DETECTION)
            promotion = pair.standby.promote()
            time.sleep(RECOVERY + SECONDS if SECONDS > 2 else 2 * SECONDS)
        workload.raise_failures()
        record = workload.record
        check(record, pair, console, installation)
    gap = record.first_granted_after(killed_at) - record.last_granted_before(killed_at)
    return Outcome(record, killed_at, promotion, gap)


def check(record: Record, pair: Pair, console: RunningConsole, installation: Installation) -> None:
    with psycopg.connect(pair.standby.url) as connection:
        found = ids(connection, "SELECT id FROM credentials_jwtcredential")
        revoked = ids(
            connection, "SELECT id FROM credentials_jwtcredential WHERE revoked_at IS NOT NULL"
        )
        created_events, revoked_events = (
            ids(connection, "SELECT target_id FROM accounts_auditevent WHERE kind = %s", kind.value)
            for kind in (AuditKind.JWT_CREDENTIAL_CREATED, AuditKind.JWT_CREDENTIAL_REVOKED)
        )
    acknowledged = {one.credential_id for one in record.revoked}
    assert record.created
    assert acknowledged
    assert set(record.created) - found == set()
    assert acknowledged - revoked == set()
    assert set(record.created) - created_events == set()
    assert acknowledged - revoked_events == set()
    assert record.accepted_after_revocation == []
    with caller(console.port) as connection_to_console:
        app = AppCalls(connection_to_console, installation.authorization)
        # The last issued refresh token is known, and everything revoked is refused.
        assert app.refresh(record.refresh_token).status == 200
        for one in record.revoked:
            if one.jwt:
                assert app.exchange(one.jwt).code == "JWT-102"
            if one.access_token:
                assert app.account(one.access_token).code == "OAU-213"


def ids(
    connection: "psycopg.Connection[tuple[object, ...]]", query: LiteralString, *values: str
) -> set[str]:
    return {str(row[0]) for row in connection.execute(query, values).fetchall()}


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_primary_dies(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [fail_over(installation) for _ in range(ROUNDS)]
    for outcome in outcomes:
        answers = outcome.record.answers
        assert outcome.record.refused == []
        assert outcome.record.unanswered == []
        assert {name.rpartition(" ")[2] for name in answers} <= {"200", "302", "503"}
        # Without a primary, callers were only told to retry.
        assert {name for name in answers if name.startswith(("exchange", "refresh"))} <= {
            "exchange 200",
            "exchange 503",
            "refresh 200",
            "refresh 503",
        }
        assert {name for name in answers if name.startswith("live")} == {"live 200"}
        assert answers["ready 503"] > 0
        assert outcome.record.sessions == 1
        assert outcome.record.attempts_with_revoked > 0
        assert outcome.record.slowest_health_check < 2
        assert outcome.recovery < RECOVERY
    report = table(outcomes)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - the figures are what one runs it for
    if os.environ.get("FAILOVER_WRITE"):
        write(report)


def table(outcomes: list[Outcome]) -> str:
    lines = [
        f"Measured with {PROCESSES} console processes and two PostgreSQL servers on one"
        f" machine with {os.cpu_count()} cores ({platform.system()} {platform.release()}). We"
        f" killed the primary (SIGKILL) after {SECONDS:g} seconds of load, and promoted the standby"
        f" {DETECTION:g} s later.",
        "",
        "| round | acknowledged: created, revoked, refreshes, exchanges | lost | accepted after"
        " revocation, of attempts | 503 responses | promotion, s | gap, s | console share, s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number, outcome in enumerate(outcomes, start=1):
        record = outcome.record
        acknowledged = (
            len(record.created),
            len(record.revoked),
            record.refreshes,
            len(record.granted),
        )
        refused = sum(count for name, count in record.answers.items() if name.endswith(" 503"))
        lines.append(
            f"| {number} | {', '.join(f'{count:,}' for count in acknowledged)} | 0"
            f" | {len(record.accepted_after_revocation)} of {record.attempts_with_revoked:,}"
            f" | {refused:,} | {outcome.promotion:.2f} | {outcome.gap:.2f}"
            f" | {outcome.recovery:.2f} |"
        )
    middle = median(outcome.gap for outcome in outcomes)
    lines += ["", f"Median gap without a granted exchange: {middle:.1f} s."]
    return "\n".join(lines) + "\n"


def write(report: str) -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{report}{END}{after}")
