"""Looks up a refused call by its request ID, follows the link to the fix, and calls again."""

import json
import re
import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlencode

from playwright.sync_api import expect

from accounts.environments import Environment
from core.background import BackgroundWriter
from credentials.models import PermittedClient
from tests import api, cast
from tests.browser.conftest import Check, SignInPage
from tests.conftest import Rebels


def answered(base_url: str, app: api.App, jwt: str) -> tuple[int, str, dict[str, object]]:
    """Return status, request ID and body of an exchange."""
    request = urllib.request.Request(
        f"{base_url}/restapi/oauth/token",
        urlencode({"grant_type": api.GRANT_TYPE, "assertion": jwt}).encode(),
        {"Authorization": app.authorization},
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers["X-Request-Id"], json.load(response)
    except HTTPError as error:
        return error.code, error.headers["X-Request-Id"], json.load(error)


def test_the_explanation_of_a_refused_call_links_to_its_fix(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    permitted = api.app(rebels.luke, name="Falcon Dialer")
    other = api.app(rebels.luke, name="Hyperdrive Monitor")
    credential = cast.credential(rebels.luke, clients=[permitted.client])
    jwt, base_url = credential.encode(), f"{console}/{Environment.SANDBOX}"
    status, request_id, body = answered(base_url, other, jwt)
    assert status == 400
    BackgroundWriter.flush_all()
    page = sign_in_page(rebels.luke)
    page.get_by_role("link", name="Why did my call fail?").click()
    page.get_by_role("textbox", name="Request ID").fill(request_id)
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("This request would still fail")).to_be_visible()
    expect(page.get_by_text("JWT-105").first).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Failed:")).to_contain_text(
        "The app is allowed to use the credential"
    )
    accessible("the explanation of a refusal")
    page.set_viewport_size({"width": 390, "height": 844})
    accessible("the explanation of a refusal on a phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("link", name="Add the app to the credential.").click()
    page.get_by_label("Client ID", exact=True).fill(other.client_id)
    page.get_by_role("button", name="Add app").click()
    listed = page.get_by_role("table", name="Apps allowed to use this credential")
    expect(listed.get_by_role("cell", name=re.compile("^Hyperdrive Monitor"))).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("We saved your changes.")).to_be_visible()
    assert PermittedClient.objects.filter(client=other.client).exists()
    assert answered(base_url, other, jwt)[0] == 200
    recent = page.get_by_role("region", name="Recent errors")
    recent.get_by_role("link", name=request_id).click()
    expect(page.get_by_text("Fixed since this request")).to_be_visible()
    assert str(body["error_uri"]).endswith("/docs/errors#JWT-105")
    page.goto(f"{console}/docs/errors#JWT-105")
    expect(page.locator("#JWT-105")).to_be_visible()
    accessible("the page of error codes")


def test_a_pasted_jwt_gets_a_dry_run_and_is_not_kept(
    console: str, sign_in_page: SignInPage, accessible: Check, rebels: Rebels
) -> None:
    app = api.app(rebels.luke)
    jwt = cast.credential(rebels.luke).encode()
    page = sign_in_page(rebels.luke)
    page.goto(f"{console}/console/why")
    page.get_by_role("textbox", name="JWT (required)").fill(jwt)
    page.get_by_role("textbox", name="Client ID").fill(app.client_id)
    page.get_by_role("button", name="Run the checks").click()
    expect(page.get_by_text("Every check of the dry run passes")).to_be_visible()
    expect(page.get_by_role("textbox", name="JWT (required)")).to_have_value("")
    expect(page.get_by_role("textbox", name="Client ID")).to_have_value(app.client_id)
    accessible("the dry run of a pasted JWT")
