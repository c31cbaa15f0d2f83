"""How a benchmark updates its page. tests/scale/test_benchmarks.py runs the benchmarks."""

from pathlib import Path

import pytest

from benchmarks import report


def test_a_report_replaces_only_its_own_part_of_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "performance.md"
    document.write_text("Before\n<!-- lists: begin -->\nold\n<!-- lists: end -->\nAfter\n")
    monkeypatch.setattr(report, "DOCUMENT", document)
    report.write("lists", "new")
    wanted = "Before\n<!-- lists: begin -->\nnew\n<!-- lists: end -->\nAfter\n"
    assert document.read_text() == wanted
    with pytest.raises(SystemExit, match="no markers for tokens"):
        report.write("tokens", "new")
