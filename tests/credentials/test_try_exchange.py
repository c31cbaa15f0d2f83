"""*Test it now*: a dry run of every check, or a real exchange with a pasted client secret."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind
from accounts.roles import ConsoleRole
from credentials.actions.clients import suspend_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import ExchangeUsage, JwtCredential, SigningKey
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    JWT,
    assert_audited,
    errors_of,
    everything_stored,
    text_of,
    the_event,
    url,
    words_of,
)

REQUEST, CLIENT, LIMIT, FLOW, SIGNATURE, ENVIRONMENT = (
    "The request has the right format",
    "The client ID is active and the client secret is right",
    "The user and the app are within their rate limit",
    "The app uses the JWT auth flow",
    "This server signed the JWT",
    "The credential belongs to this environment",
)
REVOCATION, EXPIRY, PAUSE, APP_ACCESS, OWNER, POLICY, NETWORK = (
    "The credential hasn’t been revoked",
    "The credential hasn’t expired",
    "The credential isn’t paused",
    "The app is allowed to use the credential",
    "The credential’s owner can authenticate",
    "The organization policy allows the credential",
    "The app calls from an allowed network",
)
STATE = [REVOCATION, EXPIRY, PAUSE, APP_ACCESS, OWNER, POLICY, NETWORK]
SCOPES = [
    "The app has the requested app scopes",
    "The credential’s ceiling includes app scopes for the app",
]
DRY_RUN = [CLIENT, FLOW, SIGNATURE, ENVIRONMENT, *STATE, *SCOPES]
AFTER_STATE = [
    *SCOPES,
    "The resource is an API of this platform",
    "The user has the user permission",
]
REAL = [REQUEST, CLIENT, LIMIT, FLOW, SIGNATURE, ENVIRONMENT, *STATE, *AFTER_STATE]


@pytest.fixture
def app(partners: Partners) -> App:
    """A public app of the partners, which can become private."""
    return api.app(partners.lobot, name="Cloud Concierge", is_public=True, scopes=["ReadAccounts"])


@pytest.fixture
def credential(rebels: Rebels, app: App) -> JwtCredential:
    at = timezone.now() - timedelta(days=90)
    return cast.credential(rebels.luke, clients=[app.client], at=at)


def checks_of(response: Any) -> list[tuple[str, str, str]]:
    """Result, title and error code of each check on the page."""
    found = re.findall(
        r'<li class="check check--(\w+)">.*?</span>\s*(.*?)</p>(.*?)</li>',
        text_of(response),
        re.DOTALL,
    )
    return [
        (result, title.replace("&#x27;", "'"), "".join(re.findall(r"<code>([\w-]+)</code>", rest)))
        for result, title, rest in found
    ]


def suspend(credential: JwtCredential, app: App) -> None:
    suspend_client(app.client, actor=app.application.owner, origin=cast.ORIGIN)


def stop_flow(credential: JwtCredential, app: App) -> None:
    app.application.uses_jwt_flow = False
    app.application.save()


def distrust(credential: JwtCredential, app: App) -> None:
    SigningKey.objects.update(distrusted_at=timezone.now())


def revoke(credential: JwtCredential, app: App) -> None:
    user = credential.owner.user
    revoke_jwt_credential(credential, reason="Lost", actor=user, origin=cast.ORIGIN)


def expire(credential: JwtCredential, app: App) -> None:
    JwtCredential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def make_private(credential: JwtCredential, app: App) -> None:
    app.application.is_public = False
    app.application.save()


def disable(credential: JwtCredential, app: App) -> None:
    credential.extension.status = "disabled"
    credential.extension.save()


Ending = Callable[[JwtCredential, App], None]
ENDINGS: list[tuple[Ending, str, str]] = [
    (suspend, CLIENT, "OAU-146"),
    (stop_flow, FLOW, "OAU-251"),
    (distrust, SIGNATURE, "JWT-101"),
    (revoke, REVOCATION, "JWT-102"),
    (expire, EXPIRY, "JWT-103"),
    (make_private, APP_ACCESS, "JWT-105"),
    (disable, OWNER, "JWT-106"),
]


def test_a_dry_run_of_a_valid_credential_passes_and_leaves_no_trace(
    rebels: Rebels, credential: JwtCredential, app: App, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
    before = AuditEvent.objects.count()
    response = browser.post(url("test", credential), {"client_id": app.client_id})
    assert checks_of(response) == [("pass", title, "") for title in DRY_RUN]
    words = words_of(response)
    for text in (
        "Every check of the dry run passes",
        "We didn’t issue a token or check the client secret.",
        "A dry run doesn’t check the client secret.",
        "with Cloud Concierge",
        "App scopes ReadAccounts",
    ):
        assert text in words
    assert re.search(r"User permissions (?=.*EditUserInfo).*ReadCompanyInfo.*A call needs", words)
    assert not JWT.search(text_of(response))
    assert AuditEvent.objects.count() == before
    assert not ExchangeUsage.objects.exists()


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize(("end", "title", "code"), ENDINGS)
def test_the_first_check_that_fails_is_the_one_that_the_auth_api_reports(
    rebels: Rebels,
    credential: JwtCredential,
    app: App,
    sign_in: SignIn,
    end: Ending,
    title: str,
    code: str,
    real: bool,
) -> None:
    end(credential, app)
    data = {"client_id": app.client_id} | ({"client_secret": app.secret} if real else {})
    response = sign_in(rebels.luke).post(url("test", credential), data)
    titles = REAL if real else DRY_RUN
    failed = titles.index(title)
    assert checks_of(response) == [
        *[("pass", passed, "") for passed in titles[:failed]],
        ("fail", title, code),
        *[("skip", skipped, "") for skipped in titles[failed + 1 :]],
    ]
    assert (f"The Auth API refused the exchange: {code}" in words_of(response)) is real
    if real:
        # The Auth API itself says the same.
        credential.refresh_from_db()
        answer = api.exchange(app, credential.encode())
        assert answer.json()["errors"][0]["errorCode"] == code
        assert the_event(AuditKind.JWT_CREDENTIAL_TESTED).details["outcome"] == code
    assert not ExchangeUsage.objects.exists()


def test_a_real_exchange(
    rebels: Rebels, credential: JwtCredential, app: App, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).post(
        url("test", credential), {"client_id": app.client_id, "client_secret": f" {app.secret} "}
    )
    words = words_of(response)
    assert "The Auth API granted an access token" in words
    assert re.search(
        r"valid for 3600 seconds, with scope ReadAccounts , for owner "
        f"{credential.extension_id} ",
        words,
    )
    assert checks_of(response) == [
        *[("pass", title, "") for title in REAL[:-1]],
        ("skip", REAL[-1], ""),
    ]
    assert_audited(response, AuditKind.JWT_CREDENTIAL_TESTED, rebels.luke, credential.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_TESTED).details == {
        "client_id": app.client_id,
        "outcome": "granted",
    }
    assert ExchangeUsage.objects.get().exchanges == 1
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("secret", ["not-the-secret", "🔑", "x" * 200])
def test_a_wrong_secret(
    rebels: Rebels, credential: JwtCredential, app: App, sign_in: SignIn, secret: str
) -> None:
    response = sign_in(rebels.luke).post(
        url("test", credential), {"client_id": app.client_id, "client_secret": secret}
    )
    assert "The Auth API refused the exchange: OAU-146" in words_of(response)
    assert checks_of(response)[:2] == [("pass", REQUEST, ""), ("fail", CLIENT, "OAU-146")]
    assert the_event(AuditKind.JWT_CREDENTIAL_TESTED).details["outcome"] == "OAU-146"
    assert secret not in text_of(response)
    assert not ExchangeUsage.objects.exists()


def test_nothing_keeps_the_client_secret_or_the_tokens(
    rebels: Rebels,
    credential: JwtCredential,
    app: App,
    sign_in: SignIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    browser, wrong = sign_in(rebels.luke), "cs_a-wrong-but-real-looking-secret"
    pages = [
        browser.post(url("test", credential), {"client_id": client_id, "client_secret": secret})
        for client_id, secret in (
            (app.client_id, app.secret),
            (app.client_id, wrong),
            ("not-a-choice", app.secret),
        )
    ]
    everything = "".join(text_of(page) + str(page.headers) + str(page.cookies) for page in pages)
    everything += caplog.text + str(dict(browser.session)) + "".join(everything_stored())
    assert app.client_id in everything
    assert app.secret not in everything
    assert wrong not in everything
    assert not JWT.search(everything)


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({}, "client_id", "This field is required."),
        ({"client_id": "another"}, "client_id", "Select a valid choice."),
        ({"client_secret": "a\x00b"}, "client_secret", "Null characters are not allowed."),
        ({"client_secret": "x" * 201}, "client_secret", "at most 200 characters"),
    ],
)
def test_a_mistake_is_named_beside_its_field(
    rebels: Rebels,
    credential: JwtCredential,
    app: App,
    sign_in: SignIn,
    data: dict[str, str],
    field: str,
    message: str,
) -> None:
    if "client_secret" in data:
        data = data | {"client_id": app.client_id}
    response = sign_in(rebels.luke).post(url("test", credential), data)
    assert message in errors_of(response)[f"test_{field}"]
    assert checks_of(response) == []
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_TESTED).exists()


def test_an_admin_can_only_make_dry_runs(
    rebels: Rebels, credential: JwtCredential, app: App, sign_in: SignIn
) -> None:
    """A real exchange acts as the owner, so only the owner can make one."""
    browser = sign_in(rebels.leia)
    page = browser.get(url("detail", credential, rebels.luke))
    assert "Test it now" in words_of(page)
    assert "client_secret" not in text_of(page)
    response = browser.post(
        url("test", credential, rebels.luke),
        {"client_id": app.client_id, "client_secret": app.secret},
    )
    assert "We didn’t issue a token or check the client secret." in words_of(response)
    assert [result for result, *_ in checks_of(response)] == ["pass"] * len(DRY_RUN)
    assert not ExchangeUsage.objects.exists()
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_TESTED).exists()


def test_all_apps_of_the_organization_can_be_tested(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    own = [api.app(rebels.luke, name="X-wing"), api.app(rebels.leia, name="Base")]
    elsewhere = api.app(rebels.luke, name="Y-wing", environment=api.PRODUCTION)
    browser = sign_in(rebels.luke)
    options = re.findall(
        r'<option value="([^"]*)"', text_of(browser.get(url("detail", credential)))
    )
    assert options == [own[1].client_id, own[0].client_id]
    assert elsewhere.client_id not in options


def test_an_owner_without_a_developer_role_fails_the_owner_check(
    rebels: Rebels, credential: JwtCredential, app: App, sign_in: SignIn
) -> None:
    rebels.luke.role = ConsoleRole.AUDITOR
    rebels.luke.save()
    response = sign_in(rebels.han).post(
        url("test", credential, rebels.luke), {"client_id": app.client_id}
    )
    assert ("fail", OWNER, "JWT-106") in checks_of(response)


@pytest.mark.parametrize(
    ("end", "headline", "cause", "fix"),
    [
        (revoke, "The credential has been revoked", "Luke Example revoked it on", "Create another"),
        (expire, "The credential has expired", "It expired on", "Create another"),
        # The app belongs to the partners, so Luke can't see who owns it.
        (suspend, "The client ID is suspended", "so the app can’t use the APIs", ""),
    ],
)
def test_a_failed_dry_run_shows_the_cause_and_how_to_fix_it(
    rebels: Rebels,
    credential: JwtCredential,
    app: App,
    sign_in: SignIn,
    end: Ending,
    headline: str,
    cause: str,
    fix: str,
) -> None:
    end(credential, app)
    words = words_of(
        sign_in(rebels.luke).post(url("test", credential), {"client_id": app.client_id})
    )
    assert headline in words
    assert cause in words
    assert ("How to fix it" in words) is bool(fix)
    assert fix in words
    assert "Lobot" not in words


def test_the_fields_of_the_test_share_no_id_with_the_credential_form(
    rebels: Rebels, credential: JwtCredential, sign_in: SignIn
) -> None:
    ids = re.findall(r' id="([^"]+)"', text_of(sign_in(rebels.luke).get(url("detail", credential))))
    assert {"id_client_id", "id_test_client_id"} <= set(ids)
    assert len(ids) == len(set(ids))
