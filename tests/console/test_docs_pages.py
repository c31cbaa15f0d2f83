"""The documentation in the console: public, complete, searchable, and with the reader's values."""

import re

import pytest
from django.conf import settings
from django.test import Client

from accounts.environments import Environment
from accounts.models import Membership
from console.docs.docs_search import found_sections
from console.docs.library import entries, pages
from console.docs.rendering import PARSER, rendered
from core.docs_links import docs_path
from credentials import error_codes
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.house.html import ids_at_fault, inline_code
from tests.house.sources import ROOT

AUTH_API = docs_path("reference/auth-api")


def html_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def anchors_of(path: str) -> set[str]:
    return set(re.findall(r'<h\d id="([^"]+)"', rendered(path).html))


@pytest.mark.parametrize("path", pages())
def test_every_link_and_picture_of_a_page_leads_somewhere(path: str, client: Client) -> None:
    html = rendered(path).html
    assert inline_code(html) == []
    assert ids_at_fault(html) == []
    for target in re.findall(r'(?:href|src)="([^"]+)"', html):
        if re.match(r"https?:|mailto:", target):
            continue
        address, _, anchor = target.partition("#")
        page = address.removeprefix("/docs").removeprefix("/") if address else path
        if page in pages():
            assert not anchor or anchor in anchors_of(page), target
        else:
            assert client.get(address).status_code == 200, target


def test_a_link_to_a_page_keeps_its_heading() -> None:
    settings_page = pages()["reference/settings"]
    assert settings_page.target("../how-to/scale.md#pgbouncer") == "/docs/how-to/scale#pgbouncer"


@pytest.mark.parametrize("path", pages())
def test_every_page_is_also_markdown_with_absolute_links(path: str, client: Client) -> None:
    response = client.get(pages()[path].markdown_url)
    text = response.content.decode()
    assert response["Content-Type"] == "text/markdown; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=3600"
    assert text.startswith("# ")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert all(re.match(r"#|https?:|mailto:", link) for link in links), links


def test_html_in_a_page_is_shown_as_text() -> None:
    html = PARSER.render("<script>alert(1)</script> [x](javascript:alert(1))", {"samples": 0})
    assert "<script" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    "path", ["/docs/nowhere", "/docs/README", "/docs/../manage.py", "/docs/nowhere.md",
             "/docs/images/nothing.png", "/docs/images/..%2f..%2f.env", "/docs/files/.env",
             "/docs/files/console/settings.py"],
)  # fmt: skip
@pytest.mark.django_db
def test_only_the_documentation_is_served(path: str, client: Client) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
def test_readers_who_are_not_signed_in_see_base_urls_and_no_client_id(client: Client) -> None:
    html = html_of(client, f"{AUTH_API}?environment=production")
    assert f"{settings.PRODUCTION_BASE_URL}/restapi/oauth/token" in html
    assert "YOUR_CLIENT_ID:$CLIENT_SECRET" in html
    assert f'href="/account/login/?next={AUTH_API}"' in html


def client_ids(person: Membership) -> dict[str, str]:
    """The client ID of a new app of this person in each environment."""
    app = cast.application(person)
    return {str(each): cast.client(app, each)[0].client_id for each in Environment}


def test_samples_show_the_client_ids_that_the_reader_sees_elsewhere(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    lukes, hans, lobots = map(client_ids, (rebels.luke, rebels.han, partners.lobot))
    luke = sign_in(rebels.luke)
    html = html_of(luke, f"{AUTH_API}?client_id={hans['sandbox']}")
    assert f"{lukes['sandbox']}:$CLIENT_SECRET" in html
    assert f"{settings.SANDBOX_BASE_URL}/restapi/oauth/token" in html
    html = html_of(luke, f"{AUTH_API}?environment=production")
    assert f"{lukes['production']}:$CLIENT_SECRET" in html
    # A Developer Admin chooses among all apps of the organization, and none of another one.
    html = html_of(sign_in(rebels.han), f"{AUTH_API}?client_id={lukes['sandbox']}")
    assert f"{lukes['sandbox']}:$CLIENT_SECRET" in html
    choices = {"sandbox", "production", lukes["sandbox"], hans["sandbox"]}
    assert set(re.findall(r'<option value="([^"]+)"', html)) == choices
    assert lobots["sandbox"] not in html
    # People without console access see no app.
    assert "YOUR_CLIENT_ID:$CLIENT_SECRET" in html_of(sign_in(rebels.wedge), AUTH_API)


def test_pages_of_operators_are_marked() -> None:
    marked = {path for path, entry in entries().items() if entry.is_for_operators}
    assert {"how-to/install", "how-to/operate", "reference/settings"} <= marked
    assert not marked & {"tutorials/first-credential", "reference/auth-api", "how-to/rotate"}
    assert set(entries()) == set(pages()) - {"", "changelog", "vulnerabilities"}


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("JWT-107", "/docs/reference/errors"),
        ("rotate a client secret", "/docs/how-to/rotate"),
        ("KEY_ENCRYPTION_KEYS", "/docs/reference/settings"),
        ("set up gateway nginx", "/docs/how-to/set-up-a-gateway"),
    ],
)
def test_search_finds_the_page_that_is_about_the_words(query: str, url: str) -> None:
    assert any(hit.section.url.startswith(url) for hit in found_sections(query)[:4])


@pytest.mark.django_db
def test_the_address_in_error_bodies_still_has_the_error_codes(client: Client) -> None:
    assert 'id="JWT-107"' in html_of(client, error_codes.PAGE)


@pytest.mark.django_db
def test_the_search_page_answers_without_javascript(client: Client) -> None:
    html = html_of(client, "/docs/search?q=pgbouncer")
    assert 'href="/docs/how-to/scale#pgbouncer"' in html
    assert "<mark>" in html
    assert "Nothing in the docs has all of these words: xyzzy" in html_of(
        client, "/docs/search?q=xyzzy"
    )
    assert "<h1>Search the docs</h1>" in html_of(client, "/docs/search?q=%00")


_IN_TEMPLATES = re.compile(r'docs_url "([^"]*)"(?: "([^"]*)")?')
_IN_CODE = re.compile(r'docs_path\("([^"]*)"(?:, "([^"]*)")?\)')


def test_pages_of_the_console_link_to_docs_that_exist() -> None:
    links = [
        link
        for folder, suffix, pattern in (
            ("templates", "html", _IN_TEMPLATES),
            ("accounts", "py", _IN_CODE),
            ("credentials", "py", _IN_CODE),
            ("console", "py", _IN_CODE),
        )
        for file in (ROOT / folder).rglob(f"*.{suffix}")
        for link in pattern.findall(file.read_text())
    ]
    assert len(links) >= 10
    for page, anchor in links:
        assert page in pages(), page
        assert not anchor or anchor in anchors_of(page), f"{page}#{anchor}"
