"""The docs name what exists: settings, files, commands, error codes, links, pictures."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.house.sources import ROOT, sources, tracked_files

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
ERRORS = (ROOT / "docs" / "errors.md").read_text()

READ_BY_ENV = re.compile(r"env\.\w+\(\s*f?\"(?:\{name\})?([A-Z_]+)\"")
CODE = re.compile(r"\"((?:OAU|JWT|CMN)-\d{3})\"")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"`((?:accounts|credentials|console|templates|static|tests|docs|bin)/[\w./-]*)`")
COMMAND = re.compile(r"manage\.py (\w+)")
# Read outside console/env.py and console/settings.py: by make, or to find the file of settings.
READ_ELSEWHERE = {"PORT", "CONSOLE_ENV_FILE"}
PER_ENVIRONMENT = ("_BASE_URL", "_PREVIOUS_BASE_URLS")


def settings_read() -> set[str]:
    names = set(READ_ELSEWHERE)
    for source in sources():
        if source.name in ("console/env.py", "console/settings.py"):
            names |= set(READ_BY_ENV.findall(source.text))
    for suffix in PER_ENVIRONMENT:
        if suffix in names:
            names -= {suffix}
            names |= {f"SANDBOX{suffix}", f"PRODUCTION{suffix}"}
    return names


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", SETTINGS, re.MULTILINE))
    backed_up = {"DATABASE_URL", "KEY_ENCRYPTION_KEYS", "SECRET_KEY"}
    assert documented | backed_up == (settings_read() - {"CONSOLE_ENV_FILE"}) | backed_up
    assert "CONSOLE_ENV_FILE" in SETTINGS


def test_every_error_code_is_documented() -> None:
    raised = {code for source in sources() for code in CODE.findall(source.text)}
    assert raised == set(re.findall(r"^\| ((?:OAU|JWT|CMN)-\d{3})", ERRORS, re.MULTILINE))


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_links_and_files_exist(doc: Path) -> None:
    text = doc.read_text()
    links = [link for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in links if not (doc.parent / link).exists()]
    missing += [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_commands_exist(doc: Path) -> None:
    named = set(COMMAND.findall(doc.read_text()))
    assert named <= set(get_commands())


def test_the_readme_comes_to_the_point() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    assert "docs/images/" in readme


def test_the_project_speaks_of_itself_alone() -> None:
    """No package index and no machine's paths: they differ wherever it is installed."""
    index = re.compile(r"\b(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)\b")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if path.suffix in {".py", ".md", ".txt", ".in", ".toml", ".yml", ".html", ""}
        and path != Path(__file__)
        and index.search(path.read_text(errors="ignore"))
    ]
    assert found == []
