"""Every URL of ours names the methods that it answers; anything else is 405."""

from django.test import Client

from accounts.environments import Environment
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.urls import Url, every_url

# Whatever is no call below /restapi is a 404, with any method; the OpenAPI document only reads.
ANY_METHOD = {
    f"{prefix}{environment}{suffix}"
    for environment in Environment
    for prefix, suffix in (("unknown_uri_", ""), ("api_", ":api-root"), ("api_", ":openapi-json"))
}
# Each changes something, or carries what must not be in an address. The credential pages are
# there twice: of oneself, and of a person of the organization.
ONLY_POST = {
    "accounts:create_sandbox_account",
    "accounts:end_session",
    "accounts:export_audit_log",
    "accounts:read_all_notices",
    "accounts:read_notice",
    "accounts:request_access",
    "accounts:resend_invitation",
    "credentials:issue_client",
    "credentials:resume_client",
    "organization:export_credentials",
    *(
        f"{namespace}:{name}"
        for namespace in ("my_credentials", "developer_credentials")
        for name in ("apps", "extend_rotation", "new_apps", "test")
    ),
    *(
        f"oauth_{environment}:{name}"
        for environment in Environment
        for name in ("introspect", "revoke", "revoke_leaked", "token")
    ),
}

OURS = [
    url
    for url in every_url()
    if (url.is_ours or url.name.startswith("api_")) and url.name not in ANY_METHOD
]


def allowed(browser: Client, url: Url, method: str) -> str | int:
    """What the 405 names as allowed, or the status if it is another one."""
    response = browser.generic(method, url.path())
    return response["Allow"] if response.status_code == 405 else response.status_code


def test_unknown_methods_are_refused(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    answers = {url.name: allowed(browser, url, "PROPFIND") for url in OURS}
    assert {name: answer for name, answer in answers.items() if not isinstance(answer, str)} == {}


def test_what_changes_something_refuses_get(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    answers = {url.name: allowed(browser, url, "PROPFIND") for url in OURS}
    assert {name for name, answer in answers.items() if answer == "POST"} == ONLY_POST
    answers = {url.name: allowed(browser, url, "GET") for url in OURS if url.name in ONLY_POST}
    assert answers == dict.fromkeys(ONLY_POST, "POST")


def test_what_answers_get_answers_head(rebels: Rebels, sign_in: SignIn) -> None:
    """RFC 9110 §9.3.2. A HEAD comes without a CSRF token, so it must not count as a POST."""
    browser = sign_in(rebels.leia)
    methods = {url.name: str(allowed(browser, url, "PROPFIND")).split(", ") for url in OURS}
    assert [name for name, known in methods.items() if ("GET" in known) > ("HEAD" in known)] == []


def test_every_page_refuses_a_post_without_a_csrf_token(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    browser.handler.enforce_csrf_checks = True
    pages = [url for url in OURS if url.path().startswith(("/console/", "/invitations/"))]
    answers = {url.name: browser.post(url.path()).templates for url in pages}
    assert len(answers) > 50
    accepted = [
        name
        for name, templates in answers.items()
        if "403_csrf.html" not in [template.name for template in templates]
    ]
    assert accepted == []
