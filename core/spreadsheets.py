"""CSV that a spreadsheet opens without running anything in it."""

import re
from collections.abc import Iterable, Iterator, Sequence

from defusedcsv import csv

# defusedcsv disarms a formula at the very beginning of a cell. Spreadsheets also find one behind
# blanks and, where the comma is decimal, inside a text: there they split files at semicolons or
# tabs (OWASP, CSV injection).
_FORMULA_FURTHER_IN = re.compile(r"(\A(?=[\t\r])|(?:\A |[;\t\r\n]) *(?=[=+\-@]))")

# Without it, Excel reads the file in an encoding of the computer's region instead of UTF-8.
BYTE_ORDER_MARK = "\ufeff"


class _Line:
    """The file that csv.writer wants: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield BYTE_ORDER_MARK + writer.writerow(heading)
    for row in rows:
        yield writer.writerow([_disarmed(value) for value in row])


def _disarmed(value: object) -> object:
    return _FORMULA_FURTHER_IN.sub(r"\1'", value) if isinstance(value, str) else value
