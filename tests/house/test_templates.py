"""Every template compiles, none contains inline code, and every audit event has its words."""

import re
from pathlib import Path

import allauth
import django.forms
import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template

from accounts.models import AuditKind, NoticeKind
from tests.house.html import inline_code
from tests.house.sources import ROOT, sources

DIRECTORY = ROOT / "templates"
TEMPLATES = sorted(
    path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.rglob("*") if path.is_file()
)
PAGES = [name for name in TEMPLATES if name.endswith(".html")]
EMAILS = sorted({Path(name).parent.as_posix() for name in TEMPLATES if name.startswith("emails/")})
# These go to people who have no notices yet.
EMAIL_ONLY = {"emails/invitation", "emails/password_reset"}
LINE_LENGTH = 200
TESTS = "\n".join(
    path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path.parent.name != "house"
)

_TAGS = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_compiles(name: str) -> None:
    get_template(name, using="text" if name.endswith(".txt") else "django")


@pytest.mark.parametrize("name", PAGES)
def test_a_template_contains_no_inline_code(name: str) -> None:
    html = _TAGS.sub(" ", (DIRECTORY / name).read_text())
    assert inline_code(html) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_template_escapes_what_people_typed(name: str) -> None:
    """Only help texts can contain markup, because they are written in the code."""
    text = (DIRECTORY / name).read_text().replace("field.help_text|safe", "")
    assert not re.search(r"\|\s*safe\b|{%\s*autoescape\s+off", text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_short_lines(name: str) -> None:
    lines = (DIRECTORY / name).read_text().splitlines()
    assert [line for line in lines if len(line) > LINE_LENGTH] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_template_links_to_files_that_exist(name: str) -> None:
    """The manifest of static files finds this out only when the page is shown."""
    linked = re.findall(r"{%\s*static '([^']+)'", (DIRECTORY / name).read_text())
    assert [file for file in linked if not finders.find(file)] == []


def test_an_included_template_has_an_underscore_or_is_a_component() -> None:
    texts = [(DIRECTORY / name).read_text() for name in TEMPLATES]
    included = {file for text in texts for file in re.findall(r"{%\s*include \"([^\"]+)\"", text)}
    ours = {name for name in included if not is_library_template(name)}
    misnamed = {name for name in ours if not name.startswith("components/") and "/_" not in name}
    assert misnamed == set()


def is_library_template(name: str) -> bool:
    """Whether the name was chosen by a library, whose template ours replaces."""
    directories = (Path(allauth.__file__).parent, Path(django.forms.__file__).parent)
    return any((directory / "templates" / name).exists() for directory in directories)


def test_every_component_is_used() -> None:
    texts = {name: (DIRECTORY / name).read_text() for name in PAGES}
    texts |= {source.name: source.text for source in sources()}
    components = [name for name in PAGES if name.startswith("components/")]
    used = {
        component
        for component in components
        for name, text in texts.items()
        if component in text and name != component
    }
    assert used == set(components)


@pytest.mark.parametrize("name", EMAILS)
def test_an_email_has_a_subject_a_body_and_a_notice(name: str) -> None:
    files = {path.name for path in (DIRECTORY / name).iterdir()}
    expected = {"subject.txt", "body.txt"}
    if name not in EMAIL_ONLY:
        expected |= {"notice.txt"}
    assert files == expected


def test_every_kind_of_notice_has_its_words() -> None:
    assert {f"emails/{kind}" for kind in NoticeKind} == set(EMAILS) - EMAIL_ONLY


def test_templates_are_named_after_their_noun() -> None:
    """`templates/<app>/<noun>/<page>.html`, where the app has a module of views with that name."""
    nouns = {
        tuple(name.split("/")[:2])
        for name in PAGES
        if name.startswith(("accounts/", "credentials/"))
    }
    modules = {
        (app, path.stem)
        for app in ("accounts", "credentials")
        for path in (ROOT / app / "views").glob("*.py")
    }
    assert nouns - modules == set()


def test_audit_kinds_have_names_and_sentences() -> None:
    for kind in AuditKind:
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind.value)
        assert kind.label[0].islower(), "The sentence continues after the name of the actor."
    assert len({kind.label for kind in AuditKind}) == len(AuditKind)


def test_every_audit_kind_is_tested() -> None:
    untested = [
        kind.name
        for kind in AuditKind
        if f"AuditKind.{kind.name}" not in TESTS and f'"{kind.value}"' not in TESTS
    ]
    assert untested == []
