"""Every check reads the same wherever it is reported: by the token endpoint, by a call, in *Test it
now*, in the dry run of a pasted JWT, and in *Why did my call fail?*.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.environments import Environment
from credentials.explain.check_rows import CheckRow
from credentials.explain.check_texts import CHECK_TEXTS
from credentials.explain.requests import kind_of
from credentials.models import JwtCredential, SigningKey
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.checks import CHECKS, Result
from credentials.refused import CheckName
from tests import api, cast
from tests.conftest import SignIn
from tests.credentials.pages import url, words_of
from tests.credentials.refusing import WHY, asked, recorded
from tests.credentials.scenes import (
    Change,
    Scene,
    cap,
    code_of,
    demote,
    expire,
    fence,
    forbid,
    narrow,
    pause,
    revoke,
    settings,
    suspend,
)


def supersede(scene: Scene) -> None:
    JwtCredential.objects.update(superseded_at=timezone.now() - timedelta(minutes=1))


def distrust(scene: Scene) -> None:
    SigningKey.objects.filter(purpose=KeyPurpose.CREDENTIAL).update(distrusted_at=timezone.now())


FAILURES: list[tuple[CheckName, str, Change]] = [
    (CheckName.CLIENT, "OAU-146", suspend),
    (CheckName.CLIENT, "OAU-146", settings(suspended_at=timezone.now())),
    (CheckName.FLOW, "OAU-251", settings(uses_jwt_flow=False)),
    (CheckName.SIGNATURE, "JWT-101", distrust),
    (CheckName.REVOCATION, "JWT-102", revoke),
    (CheckName.REVOCATION, "JWT-102", supersede),
    (CheckName.EXPIRY, "JWT-103", expire),
    (CheckName.PAUSE, "JWT-109", pause),
    (CheckName.APP_ACCESS, "JWT-105", narrow),
    (CheckName.OWNER, "JWT-106", demote),
    (CheckName.POLICY, "JWT-107", forbid),
    (CheckName.NETWORK, "JWT-107", fence),
    (CheckName.CEILING, "JWT-110", cap),
]
# A dry run can't know the address of the app.
IN_DRY_RUNS = [failure for failure in FAILURES if failure[0] is not CheckName.NETWORK]
# *Test it now* only offers apps that the credential allows. test_try_exchange.py takes one away.
IN_TEST_IT_NOW = [failure for failure in IN_DRY_RUNS if failure[0] is not CheckName.APP_ACCESS]
# With a distrusted key a genuine JWT looks forged, so its dry run says nothing about a credential.
IN_PASTED_JWTS = [failure for failure in IN_DRY_RUNS if failure[0] is not CheckName.SIGNATURE]
# A refresh presents no JWT.
IN_REFRESHES = [failure for failure in FAILURES if failure[0] is not CheckName.SIGNATURE]
# A token that was issued before outlives the key of its credential.
IN_CALLS = [
    failure
    for failure in FAILURES
    # A call fails for the scopes that it needs itself: test_ceilings.py.
    if failure[0] not in (CheckName.SIGNATURE, CheckName.CEILING)
]


def failed_row(shown: Any) -> CheckRow:
    [row] = [row for row in shown.checks if row.result is Result.FAILED]
    found: CheckRow = row
    return found


def answered(response: Any, check: CheckName) -> CheckRow:
    """The row of the check that the token endpoint reported, as pages must show it."""
    [error] = response.json()["errors"]
    assert response.json()["error_description"] == error["message"]
    title = CHECK_TEXTS[check].title
    return CheckRow(title, Result.FAILED, error["message"], error["errorCode"])


def test_every_check_of_an_exchange_is_tried_here() -> None:
    # Only a request that names scopes can fail the check of the app's scopes: test_why.py.
    tried = {check for check, *_ in FAILURES} | {CheckName.ENVIRONMENT, CheckName.SCOPE}
    assert tried == {check.name for check in CHECKS}


@pytest.mark.parametrize(("check", "code", "change"), FAILURES)
def test_why_reports_the_check_of_the_token_endpoint(
    scene: Scene, sign_in: SignIn, check: CheckName, code: str, change: Change
) -> None:
    change(scene)
    response = scene.exchange()
    assert (code_of(response), recorded(response).failed_check) == (code, check)
    explanation = asked(sign_in(scene.rebels.han), response).context["explanation"]
    assert failed_row(explanation) == answered(response, check)


@pytest.mark.parametrize(("check", "code", "change"), IN_TEST_IT_NOW)
def test_test_it_now_reports_the_check_of_the_token_endpoint(
    scene: Scene, sign_in: SignIn, check: CheckName, code: str, change: Change
) -> None:
    change(scene)
    response = scene.exchange()
    browser = sign_in(scene.rebels.han)
    page = browser.post(
        url("test", scene.credential, scene.rebels.luke), {"client_id": scene.app.client_id}
    )
    assert code_of(response) == code
    assert failed_row(page.context["test"]) == answered(response, check)
    explanation = asked(browser, response).context["explanation"]
    shown = page.context["test"]
    assert (shown.headline, shown.fixes) == (explanation.headline, explanation.fixes)
    if check is not CheckName.SIGNATURE and check is not CheckName.FLOW:
        assert shown.cause == explanation.cause


@pytest.mark.parametrize(("check", "code", "change"), IN_PASTED_JWTS)
def test_a_pasted_jwt_reports_the_check_of_the_token_endpoint(
    scene: Scene, sign_in: SignIn, check: CheckName, code: str, change: Change
) -> None:
    change(scene)
    response = scene.exchange()
    browser = sign_in(scene.rebels.han)
    page = browser.post(WHY, {"jwt": scene.jwt, "client_id": scene.app.client_id})
    assert code_of(response) == code
    assert failed_row(page.context["dry_run"]) == answered(response, check)


@pytest.mark.parametrize("home", Environment)
def test_a_client_of_the_other_environment_is_reported_as_each_base_url_answers(
    scene: Scene, sign_in: SignIn, home: Environment
) -> None:
    credential = cast.credential(scene.rebels.luke, environment=home)
    app = api.app(scene.rebels.luke, environment=home.other)
    browser = sign_in(scene.rebels.han)
    page = browser.post(WHY, {"jwt": credential.encode(), "client_id": app.client_id})
    there, here = (
        api.exchange(app, credential.encode(), environment=environment)
        for environment in (home.other, home)
    )
    # The dry run uses the base URL of the client ID.
    row = answered(there, CheckName.ENVIRONMENT)
    assert row.code == "JWT-104"
    assert failed_row(page.context["dry_run"]) == row
    assert failed_row(asked(browser, there).context["explanation"]) == row
    of_client = answered(here, CheckName.CLIENT)
    assert of_client.code == "OAU-146"
    assert failed_row(asked(browser, here).context["explanation"]) == of_client
    assert page.context["dry_run"].cause == (
        f"This is a {home} credential, but the client ID is for {home.other}. The {home.other} "
        f"base URL refuses the credential (JWT-104), and the {home} base URL refuses the client "
        "ID (OAU-146)."
    )


@pytest.mark.parametrize("home", Environment)
def test_a_dry_run_that_passes_names_the_only_base_url_that_grants_a_token(
    scene: Scene, sign_in: SignIn, home: Environment
) -> None:
    credential = cast.credential(scene.rebels.luke, environment=home)
    app = api.app(scene.rebels.luke, environment=home)
    page = sign_in(scene.rebels.han).post(
        WHY, {"jwt": credential.encode(), "client_id": app.client_id}
    )
    assert f"The {home} token endpoint would grant an access token now" in words_of(page)
    assert api.exchange(app, credential.encode(), environment=home).status_code == 200
    elsewhere = api.exchange(app, credential.encode(), environment=home.other)
    assert code_of(elsewhere) == "OAU-146"


@pytest.mark.parametrize(("check", "code", "change"), IN_CALLS)
def test_a_call_reports_the_check_that_an_exchange_would_fail(
    scene: Scene, sign_in: SignIn, check: CheckName, code: str, change: Change
) -> None:
    change(scene)
    exchange, call = scene.exchange(), scene.call()
    assert (code_of(exchange), code_of(call)) == (code, "OAU-213")
    assert recorded(call).failed_check is check
    browser = sign_in(scene.rebels.han)
    of_call = asked(browser, call).context["explanation"]
    of_exchange = asked(browser, exchange).context["explanation"]
    assert failed_row(of_call).title == kind_of("call").title(check)
    assert (of_call.headline, of_call.fixes) == (of_exchange.headline, of_exchange.fixes)


@pytest.mark.parametrize(("check", "code", "change"), IN_REFRESHES)
def test_a_refresh_reports_the_check_that_an_exchange_would_fail(
    scene: Scene, sign_in: SignIn, check: CheckName, code: str, change: Change
) -> None:
    change(scene)
    exchange, refresh = scene.exchange(), scene.refresh()
    assert refresh.json() == exchange.json()
    assert recorded(refresh).failed_check is recorded(exchange).failed_check is check
