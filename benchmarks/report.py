"""Tables in Markdown, and the part of docs/reference/performance.md that a benchmark owns."""

import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import django
from django.db import connection

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reference" / "performance.md"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1) -> str:
    """The first `words` columns hold words, the others numbers."""
    rulers = ["---"] * words + ["---:"] * (len(heads) - words)
    lines = [heads, rulers, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def machine() -> str:
    """What the figures were measured on, in a sentence."""
    model = re.search(r"^model name\s*: (.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    cores = _text("/proc/cpuinfo").count("processor\t")
    memory = re.search(r"^MemTotal:\s+(\d+)", _text("/proc/meminfo"), re.MULTILINE)
    return (
        f"{model[1] if model else platform.machine()}, {cores} cores, "
        f"{round(int(memory[1]) / 2**20) if memory else '?'} GB, {platform.system()} "
        f"{platform.release().partition('-')[0]}; Python {platform.python_version()}, "
        f"Django {django.__version__}, {_database()}"
    )


def write(part: str, text: str) -> None:
    """Replace the text between the markers of this part."""
    before, begin, rest = DOCUMENT.read_text().partition(f"<!-- {part}: begin -->\n")
    _old, end, after = rest.partition(f"<!-- {part}: end -->")
    if not (begin and end):
        raise SystemExit(f"{DOCUMENT.name} has no markers for {part}.")
    DOCUMENT.write_text(f"{before}{begin}{text}\n{end}{after}")


def _text(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""


def _database() -> str:
    if connection.vendor != "postgresql":
        return connection.display_name
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].partition(' ')[0]}"
