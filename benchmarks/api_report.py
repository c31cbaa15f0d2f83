"""The tables of `benchmarks.apis` in docs/reference/performance.md."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import load, report
from benchmarks.harness import Subject
from benchmarks.installation import SERVER
from benchmarks.servers import THREADS


def text_of(
    exchanges: Sequence[Subject],
    calls: Sequence[Subject],
    growth: Sequence[Subject],
    *,
    credentials: int,
    rounds: int,
    seconds: float,
    took: float,
    usage_rows: int,
) -> str:
    return "\n\n".join(
        [
            f"Measured with {credentials:,} credentials on {datetime.now(UTC):%Y-%m-%d} on "
            f"{report.machine()}, granian {version('granian')}, psycopg {version('psycopg')}. "
            f"PostgreSQL runs with {_settings_of_postgresql()}. Unless a row says otherwise, there "
            "are no rate limits and only errors are logged. Each server is one process with "
            f"{THREADS} threads on one core. PostgreSQL and the load client share the other core, "
            f"with {load.CONNECTIONS} connections. *CPU* is the CPU time of the server, *database* "
            "the CPU time of PostgreSQL for the same request, and *log* what it wrote to its "
            "write-ahead log. We measured the servers in turn. Each row is the round with the "
            f"least CPU out of {rounds} rounds of {seconds:g} s. The whole run took "
            f"{took / 60:.0f} minutes.",
            "Token requests:",
            _table(exchanges, "floor"),
            "Bearer authentication:",
            _table(calls, "bare"),
            *(
                [
                    f"With few and with many credentials, and {usage_rows:,} days of usage:",
                    _table(growth[::2], "few"),
                    _table(growth[1::2], "few"),
                ]
                if growth
                else []
            ),
        ]
    )


def _settings_of_postgresql() -> str:
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    return ", ".join(f"{name} {SERVER[name]}" for name in names)


def _table(subjects: Sequence[Subject], ratio: str) -> str:
    measured = [subject for subject in subjects if subject.rounds]
    if not measured:
        return ""
    base = measured[0].best.cpu
    rows = [
        (
            subject.name,
            f"{subject.best.cpu:.0f}",
            f"{subject.best.cpu / base:.2f}",
            f"{subject.best.database_cpu:.0f}",
            f"{subject.best.log_bytes / 1000:.1f}",
            f"{subject.best.per_second:.0f}",
            f"{subject.best.p50:.1f}",
            f"{subject.best.p99:.1f}",
        )
        for subject in measured
    ]
    heads = (
        *("request", "CPU, µs", f"/ {ratio}", "database, µs", "log, kB"),
        *("per second", "p50, ms", "p99, ms"),
    )
    return report.table(heads, rows)
