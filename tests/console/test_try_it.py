"""*Try it* in the API reference: the console calls a sandbox API as the person who asks."""

import json
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.core.exceptions import PermissionDenied
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEvent, AuditKind
from accounts.platform.file import read_platform
from console.reference import try_it
from core import outgoing
from core.origin import Origin
from credentials import jose
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.tried_calls import record_tried_call
from credentials.models import ExchangeUsage, JwtCredential, RefreshToken
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn
from tests.console.api_server import ApiServer, api_server
from tests.credentials.pages import everything_stored
from tests.platforms import OPENAPI, ORDERS, write_platform
from tests.plugins.node import node
from tests.ports import free_port

REFUND = "/console/api-reference/orders/refundOrder"


def operation(**facts: Any) -> dict[str, Any]:
    return {"security": [{"oauth": ["orders:read"]}], **facts}


def header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string"}}


PATHS: dict[str, Any] = {
    "/orders/{id}/refunds": {
        "post": operation(
            operationId="refundOrder",
            parameters=[
                {"name": "id", "in": "path", "required": True, "example": "7"},
                {"name": "notify", "in": "query", "required": True, "description": "<i>Who</i>"},
                {"name": "lang", "in": "query", "schema": {"type": "string", "example": "en"}},
                *map(header, ("X-Trace", "Host", "Authorization", "X-Forwarded-For", "Bad Name")),
                {"name": "session", "in": "cookie"},
            ],
            requestBody={"content": {"application/json": {}}},
        )
    },
    "/upload": {"post": operation(requestBody={"content": {"multipart/form-data": {}}})},
    "/trace": {"trace": operation()},
    **{
        f"/{name}": {"get": operation(operationId=name)}
        for name in (
            "moved", "refused", "slow", "large", "image", "nothing", "garbage", "gone", "orders",
        )
    },
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as running:
        yield running


def use_server(settings: Settings, directory: Path, address: str) -> None:
    text = ORDERS.replace("https://sandbox.api.acme.example", address)
    path = write_platform(directory, text)
    (directory / "orders.json").write_text(json.dumps(OPENAPI | {"paths": PATHS}))
    settings.PLATFORM = read_platform(path)


@pytest.fixture(autouse=True)
def _platform(settings: Settings, tmp_path: Path, server: ApiServer) -> None:
    use_server(settings, tmp_path, f"{server.address}")


@pytest.fixture
def app(rebels: Rebels, _platform: None) -> App:
    """Luke's, and it uses refresh tokens, of which *Try it* issues none."""
    return api.app(rebels.luke, scopes=["orders:read"], issues_refresh_tokens=True)


@pytest.fixture
def luke(rebels: Rebels, sign_in: SignIn) -> Browser:
    return sign_in(rebels.luke)


def filled(credential: JwtCredential, app: App, **changes: str) -> dict[str, str]:
    return {
        "credential_id": str(credential.pk),
        "client_id": app.client_id,
        "client_secret": "",
        "submission_key": str(uuid.uuid4()),
        "parameter_0": "7",
        "parameter_1": "yes",
        "parameter_2": "",
        "parameter_3": "",
        "body": "",
        **changes,
    }


def html(response: Any) -> BeautifulSoup:
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return BeautifulSoup(response.content, "html.parser")


def words(response: Any) -> str:
    return " ".join(html(response).get_text(" ").split())


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["try_it"].form.errors)


def tried() -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_TRIED)
    return [event.details for event in events.order_by("at")]


def get(luke: Browser, name: str, credential: JwtCredential, app: App) -> Any:
    return luke.post(f"/console/api-reference/orders/{name}", filled(credential, app))


# --- The call -------------------------------------------------------------------------------------


def test_the_console_calls_the_api_as_the_person_and_shows_the_response(
    luke: Browser, rebels: Rebels, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    values = {"parameter_2": "de", "parameter_3": "t-1", "body": '{"amount": 1.10}'}
    response = luke.post(REFUND, filled(credential, app, **values))
    text = words(response)
    (received,) = server.received
    assert (received.method, received.target) == ("POST", "/orders/7/refunds?notify=yes&lang=de")
    assert received.body == '{"amount": 1.10}'
    assert received.headers["X-Trace"] == "t-1"
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Host"] == server.address.removeprefix("http://")
    assert "Cookie" not in received.headers

    scheme, _space, token = received.headers["Authorization"].partition(" ")
    claims = jose.parse_token(token).claims
    assert scheme == "Bearer"
    assert claims is not None
    assert claims["sub"] == str(credential.extension_id)
    assert claims["client_id"] == app.client_id
    assert claims["aud"] == "https://api.acme.example/orders"
    assert claims["scope"] == "orders:read"
    assert claims["exp"] - claims["iat"] == 60

    assert f"POST {server.address}/orders/7/refunds?notify=yes&lang=de" in text
    for fact in ("200 OK", "Request ID abc-1", "Content-Type application/json", " ms "):
        assert fact in text
    assert "Set-Cookie" not in text
    # Pretty, otherwise as it was sent, and escaped. The token is left out.
    shown = html(response).find(id="try-body")
    assert shown is not None
    assert shown.get_text() == (
        '{\n  "price": 1.10,\n  "total": "<b>1</b>",\n  "token": "Bearer ACCESS_TOKEN"\n}'
    )
    assert b"<b>1</b>" not in response.content

    assert tried() == [
        {
            "client_id": app.client_id,
            "api": "orders",
            "operation": "refundOrder",
            "outcome": "granted",
        }
    ]
    event = AuditEvent.objects.get(kind=AuditKind.JWT_CREDENTIAL_TRIED)
    assert (event.actor, event.request_id) == (rebels.luke.user, response["X-Request-Id"])
    usage = ExchangeUsage.objects.get()
    assert (usage.credential_id, usage.client_id, usage.exchanges) == (
        credential.pk, app.client.pk, 1,
    )  # fmt: skip
    assert not RefreshToken.objects.exists()


def test_a_form_that_is_sent_twice_calls_once(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    data = filled(credential, app)
    luke.post(REFUND, data)
    again = luke.post(REFUND, data)
    assert "We already sent this call" in words(again)
    assert len(server.received) == len(tried()) == 1
    field = html(again).find("input", {"name": "submission_key"})
    luke.post(REFUND, data | {"submission_key": str(field["value"])})  # type: ignore[index]
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("../../admin", "/orders/..%2F..%2Fadmin/refunds"),
        ("a/b?c#d", "/orders/a%2Fb%3Fc%23d/refunds"),
        ("%2e%2e", "/orders/%252e%252e/refunds"),
        ("~", "/orders/~/refunds"),
        ("ü\r\nX: y", "/orders/%C3%BC%0D%0AX%3A%20y/refunds"),
    ],
)
def test_a_path_parameter_stays_one_segment(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer, value: str, target: str
) -> None:
    luke.post(REFUND, filled(credential, app, parameter_0=value, parameter_1="a&b=c"))
    assert server.last.target == f"{target}?notify=a%26b%3Dc"
    assert "X" not in server.last.headers


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"parameter_0": ".."}, "parameter_0", "A segment of the path can’t be only a dot"),
        ({"parameter_0": " "}, "parameter_0", "This field is required."),
        ({"parameter_1": ""}, "parameter_1", "This field is required."),
        ({"parameter_3": "a\r\nX-Admin: 1"}, "parameter_3", "Use only printable ASCII"),
        ({"parameter_3": "é"}, "parameter_3", "Use only printable ASCII"),
        (
            {"body": '{"amount": }'},
            "body",
            "This isn’t valid JSON: Expecting value (line 1, column 12)",
        ),
        ({"body": "[" * 50_000}, "body", "This JSON is nested too deeply."),
        ({"client_id": "other"}, "client_id", "Select a valid choice."),
        ({"credential_id": ""}, "credential_id", "This field is required."),
        ({"submission_key": "x"}, "submission_key", "Enter a valid UUID."),
    ],
)
def test_a_mistake_is_named_beside_its_field_and_nothing_is_sent(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer,
    changes: dict[str, str], field: str, message: str,
) -> None:  # fmt: skip
    typed = {"parameter_2": "kept", "client_secret": app.secret}
    response = luke.post(REFUND, filled(credential, app, **(typed | changes)))
    assert errors(response).keys() == {field}
    assert message in errors(response)[field][0]
    page = html(response)
    assert len(page.select("#try-result")) == 1
    assert page.find(id="id_try_parameter_2")["value"] == "kept"  # type: ignore[index]
    assert app.secret not in str(page)
    assert (server.received, tried()) == ([], [])


def test_the_form_asks_only_for_what_it_sends(
    luke: Browser, credential: JwtCredential, app: App
) -> None:
    page = html(luke.get(REFUND))
    labels = [
        label.get_text(strip=True).partition("*")[0] for label in page.select("#try-it label")
    ]
    assert labels == [
        "Credential", "App", "Client secret", "id", "notify", "lang", "X-Trace", "Body",
    ]  # fmt: skip
    # Examples fill in what is required.
    assert page.find(id="id_try_parameter_0")["value"] == "7"  # type: ignore[index]
    assert "value" not in page.find(id="id_try_parameter_2").attrs  # type: ignore[union-attr]
    assert "<i>" not in str(page.select_one("#try-it"))


def test_a_credential_and_an_app_that_probably_work_are_chosen(
    luke: Browser, rebels: Rebels, credential: JwtCredential, app: App
) -> None:
    narrow = api.app(rebels.luke, name="A narrow app", scopes=[])
    cast.credential(rebels.luke, label="Newer", clients=[narrow.client])
    page = html(luke.get(REFUND))
    selected = [option["value"] for option in page.select("#try-it option[selected]")]
    assert selected == [str(credential.pk), app.client_id]


# --- Responses and failures -----------------------------------------------------------------------


def test_a_redirect_is_not_followed(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    text = words(get(luke, "moved", credential, app))
    assert "302 Found" in text
    assert "Location /orders" in text
    assert "We don’t follow redirects." in text
    assert len(server.received) == 1


def test_a_refused_call_links_to_its_explanation(
    luke: Browser, credential: JwtCredential, app: App
) -> None:
    page = html(get(luke, "refused", credential, app))
    assert page.select_one(f'a[href="{reverse("refusals:why")}?request_id=abc-2"]')
    assert "WWW-Authenticate Bearer" in " ".join(page.get_text(" ").split())


def test_a_slow_server_is_cut_off(
    luke: Browser, credential: JwtCredential, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends a byte now and then, so that no single read takes long."""
    monkeypatch.setattr(try_it, "SECONDS", 0.3)
    text = words(get(luke, "slow", credential, app))
    assert "didn’t send a complete response within 0.3 seconds." in text
    assert tried()[0]["outcome"] == "granted"


def test_a_large_body_is_cut_off(
    luke: Browser, credential: JwtCredential, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(try_it, "MOST_BYTES", 1_000)
    response = get(luke, "large", credential, app)
    assert "The body is longer than 1 MB." in words(response)
    body = html(response).find(id="try-body")
    assert body is not None
    assert body.get_text() == "x" * 1_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("image", "The body isn’t text, so we don’t show it (5"),
        ("nothing", "The response has no body."),
        ("garbage", "isn’t valid HTTP."),
        ("gone", "closed the connection before its response was complete."),
    ],
)
def test_a_response_that_cannot_be_shown_is_explained(
    luke: Browser, credential: JwtCredential, app: App, name: str, message: str
) -> None:
    assert message in words(get(luke, name, credential, app))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:{free}", "refused the connection. The server may be down."),
        ("https://127.0.0.1:{server}", "The TLS connection to 127.0.0.1:{server} failed."),
        ("https://api.invalid", "We couldn’t find the IP address of api.invalid."),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer, settings: Settings,
    tmp_path: Path, address: str, message: str,
) -> None:  # fmt: skip
    ports = {"free": free_port(), "server": server.address.rpartition(":")[2]}
    use_server(settings, tmp_path, address.format(**ports))
    assert message.format(**ports) in words(get(luke, "orders", credential, app))


def test_only_a_few_calls_run_at_once(luke: Browser, credential: JwtCredential, app: App) -> None:
    with ExitStack() as taken:
        for _ in range(outgoing.CALLS_AT_ONCE):
            taken.enter_context(outgoing._slots)
        text = words(get(luke, "orders", credential, app))
    assert "Other calls are still running." in text
    assert "200 OK" in words(get(luke, "orders", credential, app))


# --- Whose credential and app ---------------------------------------------------------------------


def test_only_own_valid_sandbox_credentials_are_offered(
    luke: Browser, rebels: Rebels, partners: Partners, credential: JwtCredential, app: App,
    server: ApiServer,
) -> None:  # fmt: skip
    now = timezone.now()
    revoked = cast.credential(rebels.luke, label="Revoked")
    revoke_jwt_credential(revoked, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    expired = cast.credential(rebels.luke, label="Expired", at=now - timedelta(days=1))
    JwtCredential.objects.filter(pk=expired.pk).update(expires_at=now)
    others = [
        revoked,
        expired,
        cast.credential(rebels.luke, label="Production", environment=api.PRODUCTION),
        cast.credential(rebels.han),
        cast.credential(partners.lobot),
    ]
    options = html(luke.get(REFUND)).select("#id_try_credential_id option")
    assert [option["value"] for option in options] == [str(credential.pk)]
    for other in others:
        response = luke.post(REFUND, filled(other, app))
        assert "Select a valid choice." in errors(response)["credential_id"][0]
    assert (server.received, tried()) == ([], [])
    for other in others[2:]:
        with pytest.raises(PermissionDenied):
            record_tried_call(
                other, client_id="x", api="orders", operation="x", outcome="granted",
                actor=rebels.luke.user, origin=Origin(),
            )  # fmt: skip


def test_an_app_of_another_organization_needs_its_secret(
    luke: Browser, rebels: Rebels, partners: Partners, app: App, server: ApiServer
) -> None:
    theirs = api.app(partners.lobot, name="Cloud", is_public=True, scopes=["orders:read"])
    unlisted = api.app(partners.lobot, name="Unlisted", is_public=True, scopes=["orders:read"])
    credential = cast.credential(rebels.luke, clients=[theirs.client])
    groups = html(luke.get(REFUND)).select("#id_try_client_id optgroup")
    assert {group["label"] for group in groups} == {"Rebel Alliance", "Cloud City Partners"}

    response = luke.post(REFUND, filled(credential, theirs))
    assert errors(response) == {
        "client_secret": ["This app belongs to Cloud City Partners. Paste its client secret."]
    }
    wrong = luke.post(REFUND, filled(credential, theirs, client_secret="cs_wrong"))
    assert "The exchange was refused: OAU-146" in words(wrong)
    assert "cs_wrong" not in wrong.content.decode()
    response = luke.post(REFUND, filled(credential, unlisted, client_secret=unlisted.secret))
    assert "Select a valid choice." in errors(response)["client_id"][0]
    assert server.received == []

    response = luke.post(REFUND, filled(credential, theirs, client_secret=theirs.secret))
    assert "200 OK" in words(response)
    assert [event["outcome"] for event in tried()] == ["OAU-146", "granted"]


def test_a_refused_exchange_is_explained_and_nothing_is_sent(
    luke: Browser, rebels: Rebels, app: App, server: ApiServer
) -> None:
    other = api.app(rebels.han, name="Other", scopes=["orders:read"])
    credential = cast.credential(rebels.luke, clients=[other.client])
    response = luke.post(REFUND, filled(credential, app, parameter_2="kept"))
    text = words(response)
    assert "The exchange was refused: JWT-105" in text
    assert "How to fix it" in text
    assert 'value="kept"' in response.content.decode()
    assert server.received == []
    assert tried()[0]["outcome"] == "JWT-105"
    assert not ExchangeUsage.objects.exists()


def test_the_network_of_the_person_must_be_allowed(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    JwtCredential.objects.update(allowed_networks=["192.0.2.0/24"])
    assert "The exchange was refused: JWT-107" in words(get(luke, "orders", credential, app))
    assert server.received == []


def test_requests_count_against_the_rate_limit(
    luke: Browser, credential: JwtCredential, app: App, settings: Settings, server: ApiServer
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"Auth": (1, 60)}
    assert "200 OK" in words(get(luke, "orders", credential, app))
    assert "The exchange was refused: CMN-301" in words(get(luke, "orders", credential, app))
    assert len(server.received) == 1


def test_trying_a_replacement_starts_no_grace_period(
    luke: Browser, credential: JwtCredential, app: App
) -> None:
    JwtCredential.objects.update(awaits_first_use=True)
    assert "200 OK" in words(get(luke, "orders", credential, app))
    assert JwtCredential.objects.get().awaits_first_use


def test_nothing_keeps_the_secret_or_the_token(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    response = luke.post(REFUND, filled(credential, app, client_secret=app.secret))
    assert "200 OK" in words(response)
    token = server.last.headers["Authorization"].removeprefix("Bearer ")
    everything = response.content.decode() + str(response.headers) + str(response.cookies)
    everything += caplog.text + str(dict(luke.session)) + "".join(everything_stored())
    assert app.client_id in everything
    assert app.secret not in everything
    assert token not in everything
    assert credential.encode() not in everything


# --- When there is nothing to try -----------------------------------------------------------------


def test_an_auditor_reads_the_reference_and_tries_nothing(
    rebels: Rebels, sign_in: SignIn, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    auditor = sign_in(rebels.c3po)
    assert "Try it" not in words(auditor.get(REFUND))
    assert auditor.post(REFUND, filled(credential, app)).status_code == 403
    assert server.received == []


def test_the_page_says_what_is_missing(
    luke: Browser, rebels: Rebels, settings: Settings, tmp_path: Path
) -> None:
    page = html(luke.get(REFUND))
    assert page.select_one('#try-it a[href="/console/my-credentials/create"]')
    credential = cast.credential(rebels.luke)
    assert html(luke.get(REFUND)).select_one('#try-it a[href="/console/apps"]')
    app = api.app(rebels.luke, scopes=["orders:read"])
    for name, reason in (
        (
            "POST%20~1upload",
            "Try it sends only text, and the body of this operation is multipart/form-data",
        ),
        ("TRACE%20~1trace", "Try it doesn’t send TRACE"),
    ):
        assert reason in words(get(luke, name, credential, app))
    text = ORDERS.replace('sandbox = "https://sandbox.api.acme.example", ', "")
    settings.PLATFORM = read_platform(write_platform(tmp_path, text))
    response = get(luke, "listOrders", credential, app)
    assert "this API has no sandbox server" in words(response)


# --- The same call as code ------------------------------------------------------------------------


def test_the_code_makes_the_same_call(
    luke: Browser, credential: JwtCredential, app: App, server: ApiServer
) -> None:
    odd = 'it\'s "$HOME" `id` \\ ${x} </script>'
    data = filled(credential, app, parameter_1=odd, parameter_3=odd, body=json.dumps({"a": odd}))
    page = html(luke.post(REFUND, data))
    first = server.last
    code = {
        name: page.find(id=f"try-{name}").get_text()  # type: ignore[union-attr]
        for name in ("curl", "python", "javascript")
    }
    token = first.headers["Authorization"].removeprefix("Bearer ")
    assert all(token not in each for each in code.values())
    for command in (
        ["sh", "-c", code["curl"]],
        [sys.executable, "-c", code["python"]],
        [node(), "-e", code["javascript"]],
    ):
        environment = {"ACCESS_TOKEN": token, "PATH": "/usr/bin:/bin"}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        repeated = server.last
        assert repeated is not first
        for name in ("Authorization", "X-Trace", "Content-Type", "Accept"):
            assert _header(repeated.headers, name) == first.headers[name]
        assert (repeated.method, repeated.target, repeated.body) == (
            first.method, first.target, first.body,
        )  # fmt: skip


def _header(headers: dict[str, str], name: str) -> str:
    return next(value for key, value in headers.items() if key.lower() == name.lower())
