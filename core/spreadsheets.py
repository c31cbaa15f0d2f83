"""CSV that a spreadsheet opens without running anything in it. Pure."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection). A cell may begin
# inside a text, too: where the comma is decimal, files are taken apart at semicolons or tabs.
_FORMULA = re.compile(r"(\A(?=[\t\r])|(?:\A|[;\t\r\n]) *(?=[=+\-@]))")


def safe_cell(value: object) -> str:
    """The value as text; what looks like a formula gets an apostrophe in front."""
    return "" if value is None else _FORMULA.sub(r"\1'", str(value))


class _Line:
    """The file that csv.writer wants: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """One line at a time, for a streamed response (RFC 4180)."""
    writer = csv.writer(_Line())
    yield writer.writerow(heading)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])
