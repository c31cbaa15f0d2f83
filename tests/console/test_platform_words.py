"""On another company's platform, no page and no email uses the words of the original platform."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import AuditKind, Membership
from credentials.explain.requests import kind_of
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.house.test_page_budget import more_of_everything, pages
from tests.platforms import BRANDED, ORDERS, UsePlatform

TELEPHONY = r"Developer Console|(?:phone|main|extension|main number|platform login)s?|REST API"
ACCOUNTS = r"(?:sandbox|production|platform) accounts?"
SPOKEN = {"aria-label", "alt", "title", "placeholder", "data-label"}
TEMPLATES = settings.BASE_DIR / "templates"
# These templates say this only with the built-in API.
GUARDED = {
    "accounts/platform_accounts/sandbox_account.html": "Main phone number",
    "credentials/refusals/error_codes.html": "Auth API and REST API errors",
    "credentials/refusals/why.html": "the REST API",
}


class Texts(HTMLParser):
    """Everything that a page says to people, without the codes of events."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_code = tag == "script"
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_data(self, data: str) -> None:
        self.texts += [] if self.is_code or data in AuditKind.values else [data]


def found_in(page: str, words: str) -> list[str]:
    parser = Texts()
    parser.feed(page)
    return [text.strip() for text in parser.texts if re.search(rf"(?i)\b(?:{words})\b", text)]


def told(browser: Client, arguments: dict[str, object], words: str) -> dict[str, list[str]]:
    """What each page that a person can open says with these words."""
    found = {}
    for name, path in pages(arguments):
        response = browser.get(path)
        if isinstance(response, HttpResponse) and response["Content-Type"].startswith("text/html"):
            found[name] = found_in(response.content.decode(), words)
    return found


def test_no_page_uses_words_of_the_original_platform(
    use_platform: UsePlatform, rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    arguments = more_of_everything(rebels)
    use_platform(BRANDED)
    # One person of each kind of navigation, and one of the other organization.
    people: list[Membership] = [rebels.luke, rebels.leia, rebels.wedge, partners.lobot]
    for person in people:
        found = told(sign_in(person), arguments, f"{TELEPHONY}|{ACCOUNTS}")
        assert len(found) > 20
        assert {name: texts for name, texts in found.items() if texts} == {}, person


def test_without_words_of_its_own_a_platform_has_accounts_and_no_telephony(
    use_platform: UsePlatform, rebels: Rebels, sign_in: SignIn
) -> None:
    arguments = more_of_everything(rebels)
    use_platform(ORDERS)
    found = told(sign_in(rebels.leia), arguments, TELEPHONY)
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_templates_take_these_words_from_the_platform() -> None:
    found = {}
    for path in TEMPLATES.rglob("*.*"):
        name = path.relative_to(TEMPLATES).as_posix()
        if name.startswith("credentials/snippets/"):
            # Code in other languages, which have words of their own.
            continue
        text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", path.read_text(), flags=re.DOTALL)
        text = text.replace(GUARDED.get(name, "\0"), "")
        found[name] = found_in(text, f"{TELEPHONY}|{ACCOUNTS}")
    assert len(found) > 200
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_pages_use_the_platforms_words(
    use_platform: UsePlatform, rebels: Rebels, sign_in: SignIn
) -> None:
    use_platform(BRANDED)
    browser = cast.step_up(sign_in(rebels.leia))
    page = browser.get(reverse("accounts:sandbox_account")).content.decode()
    for text in (
        "Sandbox Workspace",
        "Manage seats",
        "Workspace ID",
        "Seat ID",
        "its own workspaces",
    ):
        assert text in page
    log = browser.get(reverse("accounts:audit_log")).content.decode()
    assert "business address" not in log
    for text in ("created the seat …", ">Seat</option>", 'label="Workspaces"'):
        assert text in log
    extension = rebels.luke.user.extensions.get(account__environment="sandbox")
    url = reverse("accounts:change_extension", args=[extension.pk])
    saved = browser.post(url, {"user_role": "finance", "status": "Disabled"}, follow=True)
    assert "We saved Luke Example’s seat." in saved.content.decode()


def test_errors_use_the_platforms_words(
    use_platform: UsePlatform, rebels: Rebels, sign_in: SignIn
) -> None:
    use_platform(BRANDED)
    page = sign_in(rebels.lando).get(reverse("my_credentials:create")).content.decode()
    assert "You don’t have a sandbox workspace yet." in page
    assert "Create sandbox workspace" in page


@pytest.mark.django_db
def test_without_the_built_in_api_its_error_codes_are_gone(
    use_platform: UsePlatform,
) -> None:
    use_platform(ORDERS)
    codes = Client().get(reverse("refusals:error_codes")).content.decode()
    assert "CMN-408" in codes
    assert "CMN-102" not in codes
    assert "CMN-103" not in codes


def test_without_the_built_in_api_refused_calls_are_not_of_the_rest_api(
    use_platform: UsePlatform,
) -> None:
    assert kind_of("call").label == "REST API call"
    use_platform(ORDERS)
    assert kind_of("call").label == "API call"


def test_commands_use_the_platforms_words(
    use_platform: UsePlatform, rebels: Rebels, capsys: pytest.CaptureFixture[str]
) -> None:
    use_platform(BRANDED)
    for command in ("create_organization", "set_external_id", "check_platform"):
        with pytest.raises(SystemExit):
            call_command(command, "--help")
    call_command("check_platform")
    told = capsys.readouterr().out
    assert "luke@rebels.example (sandbox)" in told
    assert "the workspace ID" in told
    # The option keeps its name.
    told = told.replace("--extension", "").lower()
    assert [word for word in ("extension", "phone", "main-number") if word in told] == []
    with pytest.raises(CommandError, match=r"No sandbox seat has this ID\."):
        call_command("set_external_id", "sandbox", "--extension", "1", "--value", "x")


def test_only_the_built_in_api_has_numbers(
    use_platform: UsePlatform, rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    url = reverse("my_credentials:detail", args=[credential.pk])
    browser = sign_in(rebels.luke)
    number = credential.extension.extension_number
    assert f"(extension {number}, Standard User)" in browser.get(url).content.decode()
    assert str(credential.extension) == f"luke@rebels.example ext. {number}"
    use_platform(ORDERS)
    assert str(credential.extension) == "luke@rebels.example"
    assert "(standard_user) through" in browser.get(url).content.decode()
