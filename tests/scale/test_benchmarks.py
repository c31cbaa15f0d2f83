"""The benchmarks run, with little data; what they measure is in docs/reference/performance.md."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from benchmarks import measured_pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
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


@pytest.mark.slow
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
    for name in (*bare, "GET account/~", "verify", "verify?api=, 1,000 operations", "introspect"):
        assert f"\n| {name} | " in done.stdout
