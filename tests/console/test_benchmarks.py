"""The benchmarks run, with little data; what they measure is in docs/reference/performance.md."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from benchmarks import measured_pages, report

ROOT = Path(__file__).resolve().parents[2]


# Once, on PostgreSQL, as `make bench-pages` does.
@pytest.mark.browser
def test_pages_are_measured(
    db: None,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DEMO = True
    monkeypatch.setattr(measured_pages, "AT_ONCE", 0)
    size = {"people": 30, "credentials": 60, "events": 900, "apps": 10, "refusals": 300}
    call_command("seed_load", **size, stdout=io.StringIO())
    measured_pages.run("Load Test", rounds=1, write=False)
    said = capsys.readouterr().out
    assert "30 people" in said
    assert "60 credentials" in said
    row = r"^\| Credentials by -owner \| 60 \| \d+ \| \d+ \| \d+ \| \d+ \| \d+ \|$"
    assert re.search(row, said, re.MULTILINE)
    assert re.search(r"^\| `organization:developer` \| \d+ \| \d+ \| \d+ \|$", said, re.MULTILINE)
    assert re.search(r"export of all 60 credentials as CSV", said)


# Once: it has a PostgreSQL of its own, whichever database the other tests use.
@pytest.mark.browser
def test_apis_are_measured() -> None:
    """All servers of `make bench` start and answer a few requests as they should."""
    command = [sys.executable, "-m", "benchmarks.apis"]
    command += ["--credentials", "40", "--rounds", "1", "--seconds", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Measured with 40 credentials" in done.stdout
    for name in ("Floor", "Exchange, first seen", "Refresh", "Authlib", "django-oauth-toolkit"):
        assert re.search(rf"^\| {name}[^|]*\| \d+ \| \d+\.\d\d \|", done.stdout, re.MULTILINE)
    bare = ("Bare view, constant", "Bare view, cursor", "Bare view, read")
    for name in (*bare, "GET account/~", "verify", "introspect"):
        assert f"\n| {name} | " in done.stdout


def test_the_report_replaces_its_own_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("Before\n<!-- lists: begin -->\nold\n<!-- lists: end -->\nAfter\n")
    monkeypatch.setattr(report, "DOCUMENT", document)
    report.write("lists", "new")
    wanted = "Before\n<!-- lists: begin -->\nnew\n<!-- lists: end -->\nAfter\n"
    assert document.read_text() == wanted
    with pytest.raises(SystemExit, match="no markers for tokens"):
        report.write("tokens", "new")
