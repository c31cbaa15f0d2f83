import pytest
from django.urls import reverse

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Extension
from tests.conftest import Rebels, SignIn

URL = "/console/sandbox"
CREATE = "/console/sandbox/create"


def sandbox_logins(rebels: Rebels, who: str) -> list[Extension]:
    user = getattr(rebels, who).user
    return list(user.extensions.in_environment(Environment.SANDBOX))


def test_page_shows_account_login_and_urls(rebels: Rebels, sign_in: SignIn) -> None:
    account = rebels.organization.platform_accounts.get(environment=Environment.SANDBOX)
    account.email, account.main_number = "leia@rebels.example", "+15555755887"
    account.save()
    page = sign_in(rebels.luke).get(URL).content.decode()
    [extension] = sandbox_logins(rebels, "luke")
    for text in (
        "Environment summary",
        "leia@rebels.example",
        "+15555755887",
        str(account.pk),
        "Your login credentials",
        "luke@rebels.example",
        str(extension.pk),
        str(extension.extension_number),
        "Standard User",
        "http://localhost:8000/sandbox",
        "http://localhost:8000/sandbox/restapi/oauth/token",
    ):
        assert text in page
    assert "Create sandbox account" not in page
    assert reverse("accounts:extensions") not in page


def test_administrators_find_the_logins(rebels: Rebels, sign_in: SignIn) -> None:
    page = sign_in(rebels.leia).get(URL).content.decode()
    assert reverse("accounts:extensions") in page


def test_a_developer_creates_a_sandbox_account(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.lando)
    assert "Create sandbox account" in browser.get(URL).content.decode()
    response = browser.post(CREATE, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    assert "Your sandbox account is ready." in response.content.decode()
    [extension] = sandbox_logins(rebels, "lando")
    assert extension.user_role == "standard_user"
    event = AuditEvent.objects.get(
        kind=AuditKind.EXTENSION_CREATED, target_id=extension.pk, actor=rebels.lando.user
    )
    assert event.details == {"environment": "sandbox", "user_role": "standard_user"}


def test_new_account_takes_the_user_role_of_production(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.lando.user.extensions.update(user_role="read_only")
    sign_in(rebels.lando).post(CREATE)
    assert [login.user_role for login in sandbox_logins(rebels, "lando")] == ["read_only"]


def test_second_account_is_refused(rebels: Rebels, sign_in: SignIn) -> None:
    response = sign_in(rebels.luke).post(CREATE, follow=True)
    assert "You already have a sandbox account." in response.content.decode()
    assert len(sandbox_logins(rebels, "luke")) == 1


@pytest.mark.parametrize("who", ["c3po", "wedge"])
def test_only_developers_create_sandbox_accounts(who: str, rebels: Rebels, sign_in: SignIn) -> None:
    assert sign_in(getattr(rebels, who)).post(CREATE).status_code == 403
    assert sandbox_logins(rebels, who) == []


def test_auditors_look_and_are_told_why_not_more(rebels: Rebels, sign_in: SignIn) -> None:
    page = sign_in(rebels.c3po).get(URL).content.decode()
    assert CREATE not in page
    assert "your console role is Auditor" in " ".join(page.split())


def test_disabled_login_is_explained(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.luke.user.extensions.update(status="Disabled")
    page = sign_in(rebels.luke).get(URL).content.decode()
    assert "until an account administrator enables this login" in page


def test_next_is_kept_and_followed(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.lando)
    goal = "/console/my-credentials/create?client_id=abc&label=x"
    page = browser.get(URL, {"next": goal})
    assert page.context["next"] == goal
    assert browser.post(CREATE, {"next": goal})["Location"] == goal


@pytest.mark.parametrize(
    "goal",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:///evil.example",
    ],
)
def test_next_elsewhere_is_ignored(goal: str, rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.lando)
    assert browser.get(URL, {"next": goal}).context["next"] == ""
    assert browser.post(CREATE, {"next": goal})["Location"] == URL
