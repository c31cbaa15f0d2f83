"""Checks that the docs name only things that exist, and that their lists are complete."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

from console.management.commands.tick import PARTS
from credentials.error_codes import AUTH_API, REST_API
from tests.house.compose import COMPOSE
from tests.house.sources import ROOT, sources, tracked_files
from tests.house.test_tooling import known_settings, make_targets, variables_of_serve
from tests.stages import STAGES

DOCS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
OAUTH = "credentials/oauth/"
PICTURES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "images").iterdir()
)

# Text in backquotes is a file name if it has a directory or one of these endings.
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FILE = re.compile(r"(?:[\w.<>*{}-]+/)+[\w.<>*{},-]*|[\w-]+\.(?:py|md|toml|yml|html|txt)")
_TOP = {path.name for path in ROOT.iterdir()}
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_ERROR_CODE = re.compile(r"\b(?:OAU|JWT|CMN)-\d{3}\b")
# Paths that a command creates on the machine that runs it.
_GENERATED = {".env", ".venv", "data/", "staticfiles/", "test-results/"}


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def table_rows(text: str) -> list[str]:
    """The first cell of each table row, without rulers."""
    rows = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)
    return [row for row in rows if not re.fullmatch(r"-+", row)]


def first_cells(name: str) -> set[str]:
    return {word for row in table_rows(text_of(name)) for word in re.findall(r"[\w-]+", row)}


def anchors(text: str) -> set[str]:
    """The anchors that GitHub generates for headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCS)
def test_links_of_a_page_lead_to_files_and_headings_that_exist(name: str) -> None:
    for target in _LINK.findall(text_of(name)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("picture", PICTURES)
def test_each_picture_is_an_image_that_a_page_shows(picture: str) -> None:
    assert (ROOT / picture).read_bytes().startswith((b"\x89PNG", b"<svg "))
    shown = {
        ((ROOT / name).parent / target).resolve()
        for name in DOCS
        for target in _LINK.findall(text_of(name))
    }
    assert ROOT / picture in shown


def test_the_readme_is_short_and_shows_both_commands() -> None:
    lines = text_of("README.md").splitlines()
    assert any(line.startswith("make run") for line in lines)
    assert any(line.startswith("make test") for line in lines)
    assert len(lines) < 60


def files_named_in(name: str) -> list[str]:
    named = []
    for code in _CODE.findall(text_of(name)):
        path = code.partition(":")[0]
        is_ours = path.partition("/")[0] in _TOP or "/" not in path
        if _FILE.fullmatch(path) and is_ours and not path.startswith("/"):
            named.append(path)
    return named


def exists(path: str) -> bool:
    """Whether a path exists. `<name>` and `*` match anything, and `a.{x,y}` needs both files."""
    if braces := re.fullmatch(r"(.*)\{([^}]+)\}(.*)", path):
        return all(exists(braces[1] + part + braces[3]) for part in braces[2].split(","))
    pattern = re.sub(r"<[^>]+>", "*", path)
    if "/" not in pattern:
        return any(ROOT.glob(pattern)) or any(file.match(pattern) for file in tracked_files())
    return any(ROOT.glob(pattern))


def is_generated(path: str) -> bool:
    """Whether make or the console creates the path. A fresh clone does not have it."""
    return path in _GENERATED or path.split("/")[0] + "/" in _GENERATED


@pytest.mark.parametrize("name", DOCS)
def test_files_that_a_page_names_exist(name: str) -> None:
    missing = [path for path in files_named_in(name) if not is_generated(path) and not exists(path)]
    assert not missing


def test_names_of_files_are_found_on_a_page() -> None:
    assert "credentials/oauth/views.py" in files_named_in("ARCHITECTURE.md")


@pytest.mark.parametrize("name", DOCS)
def test_commands_and_options_that_a_page_names_exist(name: str) -> None:
    text = text_of(name)
    commands = get_commands()
    for command, rest in re.findall(r"manage\.py (\w+)([^\n`]*)", text):
        assert command in commands, command
        loaded = load_command_class(commands[command], command)
        known = loaded.create_parser("manage.py", command).format_help()
        for option in re.findall(r"(?<!\S)\[?(--[\w-]+)", rest.partition("#")[0]):
            assert option in known, f"{command} {option}"
    assert set(re.findall(r"\bmake ([a-z-]+)`", text)) <= make_targets()
    assert set(re.findall(r"^(?:\w+=\S+ )*make ([a-z-]+)", text, re.MULTILINE)) <= make_targets()
    for module in re.findall(r"python -m ((?:console|tests)[\w.]*)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()


OUR_COMMANDS = sorted(
    path.stem for path in ROOT.glob("*/management/commands/*.py") if not path.stem.startswith("_")
)


def sections(text: str, level: int) -> dict[str, str]:
    """The text below each heading of one level, by heading."""
    _, *parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def documented_commands() -> dict[str, str]:
    return sections(sections(text_of("docs/reference/commands.md"), 2)["Management commands"], 3)


def own_arguments(command: str) -> set[str]:
    """The options and the positional arguments that a command adds to those of Django."""
    parser = load_command_class(get_commands()[command], command).create_parser("", command)
    of_django = BaseCommand().create_parser("", command)
    inherited = {action.dest for action in of_django._actions}
    added = [action for action in parser._actions if action.dest not in inherited]
    return {
        action.option_strings[-1] if action.option_strings else action.dest.upper()
        for action in added
    }


def test_the_commands_page_lists_every_management_command_in_order() -> None:
    assert list(documented_commands()) == OUR_COMMANDS


@pytest.mark.parametrize("command", OUR_COMMANDS)
def test_the_commands_page_lists_every_option_of_a_command(command: str) -> None:
    options = re.findall(r"^\| `(\S+?)(?: \S+)?` \|", documented_commands()[command], re.MULTILINE)
    assert set(options) == own_arguments(command)


def test_the_commands_page_lists_every_make_target() -> None:
    targets = sections(text_of("docs/reference/commands.md"), 2)["Make targets"]
    assert set(re.findall(r"^\| `make ([a-z-]+)` \|", targets, re.MULTILINE)) == make_targets()


def test_the_commands_page_lists_every_test_stage_in_order() -> None:
    section = sections(text_of("docs/reference/commands.md"), 2)["Test stages"]
    assert table_rows(section)[1:] == [f"`{stage.name}`" for stage in STAGES]


def settings_read() -> set[str]:
    """The variables that the settings read, and those that decide where to read them."""
    from_os = re.findall(r'os\.environ\.get\("(\w+)"', text_of("console/env.py"))
    return known_settings() | set(from_os)


def settings_of_containers() -> set[str]:
    """The variables that only docker-compose.yml or bin/serve read."""
    # A variable with two dollar signs is for a program in a container.
    in_compose = set(re.findall(r"(?<!\$)\$\{(\w+)", text_of("docker-compose.yml")))
    granian = set(re.findall(r"GRANIAN_\w+", f"{COMPOSE} {text_of('bin/serve')}"))
    return ((in_compose | variables_of_serve()) - known_settings()) | granian


def test_every_setting_is_documented_and_exists() -> None:
    documented = {name for name in first_cells("docs/reference/settings.md") if name.isupper()}
    assert documented == settings_read() | settings_of_containers()


def error_codes_raised() -> set[str]:
    """The error codes that are strings in the code, not in comments and docstrings."""
    codes = set()
    for source in sources():
        if source.name == "credentials/error_codes.py":
            continue  # it lists them
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                codes |= {node.value} if _ERROR_CODE.fullmatch(node.value) else set()
    return codes


def test_every_error_code_is_documented_and_raised() -> None:
    documented = {
        code for code in first_cells("docs/reference/errors.md") if _ERROR_CODE.fullmatch(code)
    }
    assert documented == error_codes_raised()


def test_the_table_of_error_codes_is_complete() -> None:
    """tests/house/test_error_docs.py compares the table with the docs."""
    assert {entry.code for entry in (*AUTH_API, *REST_API)} == error_codes_raised()


def clauses_tested() -> set[tuple[str, str]]:
    """The RFC and section of every test in tests/standards."""
    found = set()
    for path in (ROOT / "tests" / "standards").glob("test_rfc*.py"):
        for digits in re.findall(r"^def test_section_((?:\d+_)+)", path.read_text(), re.MULTILINE):
            found.add((path.stem.removeprefix("test_rfc"), digits.strip("_").replace("_", ".")))
    return found


def test_the_standards_page_lists_exactly_the_clauses_that_have_tests() -> None:
    documented = set()
    for part in re.split(r"^## ", text_of("docs/reference/standards.md"), flags=re.MULTILINE):
        if rfc := re.match(r"RFC (\d+)", part):
            documented |= {
                (rfc[1], section) for section in table_rows(part) if section[0].isdigit()
            }
    assert documented == clauses_tested()


def test_every_endpoint_and_parameter_of_the_auth_api_is_documented() -> None:
    text = text_of("docs/reference/auth-api.md")
    endpoints = set(re.findall(r'path\("([\w-]+)"', text_of(f"{OAUTH}urls.py")))
    assert set(re.findall(r"^\| `/restapi/oauth/([\w-]+)`", text, re.MULTILINE)) == endpoints
    oauth = "".join(source.text for source in sources() if source.name.startswith(OAUTH))
    parameters = set(re.findall(r'(?:parameters|self)\.(?:get|require)\("(\w+)"\)', oauth))
    assert {"assertion", "access_token_ttl", "token"} <= parameters
    assert {name for name in parameters if not re.search(rf"\b{name}\b", text)} == set()


def test_pages_mention_only_error_codes_that_exist() -> None:
    texts = [*(ROOT / "templates").rglob("*.html"), *(ROOT / name for name in DOCS)]
    mentioned = {code for path in texts for code in _ERROR_CODE.findall(path.read_text())}
    assert mentioned <= error_codes_raised()


def test_every_part_of_tick_is_documented_in_order() -> None:
    section = sections(text_of("docs/how-to/operate.md"), 2)["Run tick every minute"]
    assert table_rows(section)[1:] == [each.name for each in PARTS]


def linked_pages(name: str) -> set[str]:
    """The pages that a page links to, by their paths."""
    targets = (target.partition("#")[0] for target in _LINK.findall(text_of(name)))
    paths = {((ROOT / name).parent / target).resolve() for target in targets}
    return {path.relative_to(ROOT).as_posix() for path in paths if path.is_relative_to(ROOT)}


def test_the_index_links_to_every_page_of_the_documentation() -> None:
    pages = {name for name in DOCS if name.startswith("docs/")}
    assert pages - linked_pages("docs/README.md") == {"docs/README.md"}


def test_the_readme_links_to_the_documentation() -> None:
    assert {"docs/README.md", "ARCHITECTURE.md", "CHANGELOG.md"} <= linked_pages("README.md")


def test_the_changelog_starts_with_this_version() -> None:
    version = re.search(r'^version = "([^"]+)"', text_of("pyproject.toml"), re.MULTILINE)
    first = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert version
    assert first
    assert first[1] == version[1]


# Absolute paths of one machine, package registries, and content delivery networks.
_FOREIGN = re.compile(
    r"(?<![\w.~}<])/(?:home|Users|root|work|mnt)/"
    r"|\b(?:(?:pypi|debian)\.(?:org|com)|pythonhosted\.org|npmjs\.(?:com|org)|crates\.io|jsdelivr\.net|unpkg\.com"
    r"|cdnjs\.cloudflare\.com|googleapis\.com)\b"
)


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in _FOREIGN.finditer(text)]
    assert not found


def test_no_file_has_a_note_about_unfinished_work() -> None:
    words = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    unfinished = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if path.suffix in {".py", ".html", ".css", ".js", ".md", ".yml", ".toml", ".sh"}
        and words.search(path.read_text())
    ]
    assert not unfinished


def test_git_tracks_the_documentation() -> None:
    wanted = {
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/README.md",
        "docs/how-to/operate.md",
        "docs/reference/auth-api.md",
        "docs/reference/errors.md",
        "docs/reference/settings.md",
    }
    assert wanted <= {Path(path).relative_to(ROOT).as_posix() for path in tracked_files()}
