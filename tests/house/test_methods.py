"""Every URL of ours answers only certain methods, and refuses any other with 405."""

from django.test import Client

from accounts.environments import Environment
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.house.urls import Url, every_url

# Unknown addresses below /restapi answer 404 to any method.
ANY_METHOD = {f"unknown_uri_{environment}" for environment in Environment}
# Each changes something, or takes a value that must not be in an address. The credential pages
# exist twice: for your own credentials, and for those of a person in the organization.
ONLY_POST = {
    "accounts:create_sandbox_account",
    "accounts:end_other_sessions",
    "accounts:end_session",
    "accounts:export_audit_log",
    "accounts:read_all_notices",
    "accounts:read_notice",
    "accounts:request_access",
    "accounts:resend_invitation",
    "credentials:issue_client",
    "credentials:resume_client",
    "csp_reports",
    "organization:export_credentials",
    *(
        f"{namespace}:{name}"
        for namespace in ("my_credentials", "developer_credentials")
        for name in ("apps", "extend_rotation", "new_apps", "test")
    ),
    *(
        f"oauth_{environment}:{name}"
        for environment in Environment
        for name in ("introspect", "report_refusal", "revoke", "revoke_leaked", "token")
    ),
}

OURS = [
    url
    for url in every_url()
    if (url.is_ours or url.name.startswith("api_")) and url.name not in ANY_METHOD
]


def allowed(browser: Client, url: Url, method: str) -> str | int:
    """The methods that a 405 allows, or any other status."""
    response = browser.generic(method, url.path())
    return response["Allow"] if response.status_code == 405 else response.status_code


def test_every_url_refuses_an_unknown_method(rebels: Rebels, sign_in: SignIn) -> None:
    browser = cast.step_up(sign_in(rebels.leia))
    urls = [url for url in every_url() if url.name not in ANY_METHOD]
    answers = {url.name: allowed(browser, url, "PROPFIND") for url in urls}
    assert {name: answer for name, answer in answers.items() if not isinstance(answer, str)} == {}


def test_urls_that_change_something_refuse_get(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    answers = {url.name: allowed(browser, url, "PROPFIND") for url in OURS}
    assert {name for name, answer in answers.items() if answer == "POST"} == ONLY_POST
    answers = {url.name: allowed(browser, url, "GET") for url in OURS if url.name in ONLY_POST}
    assert answers == dict.fromkeys(ONLY_POST, "POST")


def test_urls_that_answer_get_also_answer_head(rebels: Rebels, sign_in: SignIn) -> None:
    """RFC 9110 §9.3.2. A HEAD comes without a CSRF token, so it must not count as a POST."""
    browser = sign_in(rebels.leia)
    methods = {url.name: str(allowed(browser, url, "PROPFIND")).split(", ") for url in OURS}
    assert [name for name, known in methods.items() if ("GET" in known) > ("HEAD" in known)] == []


def test_every_page_refuses_a_post_without_a_csrf_token(rebels: Rebels, sign_in: SignIn) -> None:
    browser = cast.step_up(sign_in(rebels.leia))
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
