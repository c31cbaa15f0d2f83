"""The tables of docs/reference/errors.md are those of credentials/error_codes.py.

`UPDATE_DOCS=1 pytest tests/house/test_error_docs.py` rewrites them.
"""

import os
import re

from credentials.error_codes import TABLES, ErrorCode
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def table_of(entries: tuple[ErrorCode, ...]) -> str:
    rows = [
        f"| {entry.code} | {', '.join(filter(None, (entry.error, str(entry.status))))} "
        f"| {entry.cause} | {entry.fix} |\n"
        for entry in entries
    ]
    return "".join(
        ["| code | error, status | cause | fix |\n", "| --- | --- | --- | --- |\n", *rows]
    )


def generated(text: str) -> str:
    """The page with the first table below the heading of each API made anew."""
    for api, entries in TABLES.items():
        before, heading, after = text.partition(f"## {api}\n")
        assert heading, api
        found = _TABLE.search(after)
        assert found, api
        table = table_of(entries)
        text = before + heading + after[: found.start()] + table + after[found.end() :]
    return text


def test_the_page_of_errors_is_generated_from_the_error_codes() -> None:
    text = PAGE.read_text()
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(text := generated(text))
    assert text == generated(text), "Run this test with UPDATE_DOCS=1."
