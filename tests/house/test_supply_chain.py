"""The lists of the libraries: a bill of materials, and the comparison with vulnerabilities."""

import json
import re
import subprocess
from pathlib import Path

from tests.house.sources import ROOT
from tests.house.test_docs import sections, text_of
from tests.house.test_tooling import LOCKS, pins
from tests.stages import STAGES


def commands_of(target: str) -> str:
    """What `make` would run, without the installation of the tools for tests."""
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "--old-file=install-dev", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.replace("\\\n", " ")


def test_the_bill_of_materials_lists_every_locked_library_with_its_hashes(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    subprocess.run(
        ["make", "--old-file=install-dev", "sbom", f"SBOM={written}"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    bill = json.loads(written.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "developer-console"
    found = {each["name"]: each for each in bill["components"]}
    assert {name: each["version"] for name, each in found.items()} == pins("requirements.txt")
    hashes = {
        each["content"]
        for component in found.values()
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:(\w+)", text_of("requirements.txt")))


def test_the_audit_covers_every_lock_file_and_accepts_no_unknown_version() -> None:
    *_, audit = commands_of("audit").strip().splitlines()
    assert {"--strict", "--require-hashes", "--disable-pip"} <= set(audit.split())
    assert set(re.findall(r"--requirement (\S+)", audit)) == set(LOCKS)


def test_the_tests_need_no_published_vulnerabilities() -> None:
    """A new vulnerability must not keep a fix of something else from being released."""
    assert "audit" not in str([stage.module for stage in STAGES])
    assert "`make audit`" in sections(text_of("SECURITY.md"), 2)["Time frames"]
