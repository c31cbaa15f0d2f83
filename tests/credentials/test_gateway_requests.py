"""How a gateway must ask, which requests are too ambiguous to pass, and whose address counts."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from credentials.actions.clients import mark_resource_server
from credentials.models import JwtCredential
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.credentials.gateways import Shop, ask, asked_with
from tests.credentials.refusing import recorded
from tests.credentials.test_bearer import IN_QUERY

MUST_SEND = (
    "The gateway must send the method and the URI of the original request, in X-Original-Method "
    "and X-Original-URI or in X-Forwarded-Method and X-Forwarded-Uri."
)
MUST_NAME = (
    "The gateway must name one API of this environment in the query parameter api. The APIs are: "
    "{}."
)
NO_RESOURCE_SERVER = (
    "The gateway's Proxy-Authorization header must use HTTP Basic with the client ID and secret of "
    "a client of this environment that is marked as a resource server."
)
INVALID_REQUEST = 'Bearer realm="API", error="invalid_request"'


def assert_wrong_setup(response: Any, message: str, challenge: str = INVALID_REQUEST) -> None:
    assert (response.status_code, response.json()) == (400, api.rest_error("CMN-101", message))
    assert response["WWW-Authenticate"] == challenge
    row = recorded(response)
    assert (row.what, row.status, row.reason) == ("gateway", 400, "gateway_setup")


# --- What the gateway must send ------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Original-URI": "/orders"},
        {"X-Original-Method": "GET"},
        {"X-Forwarded-Uri": "/orders"},
        {"X-Original-Method": "", "X-Original-URI": ""},
    ],
    ids=str,
)
def test_a_gateway_must_send_method_and_uri(shop: Shop, headers: dict[str, str]) -> None:
    assert_wrong_setup(asked_with(headers, shop.token()), MUST_SEND)


@pytest.mark.parametrize(
    "differing",
    [
        {"X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/orders"},
        {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/orders/17"},
        {"X-Forwarded-Uri": "/orders"},
        {"X-Forwarded-Method": "GET"},
    ],
    ids=str,
)
def test_both_spellings_must_agree(shop: Shop, differing: dict[str, str]) -> None:
    """A caller can send the headers that its gateway doesn't set."""
    token = shop.token()
    message = f"{MUST_SEND} It sent both, and they differ."
    assert_wrong_setup(ask("GET /orders", token, headers=differing), message)
    alike = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/orders"}
    assert ask("GET /orders", token, headers=alike).status_code == 204


@pytest.mark.parametrize("uri", ["/orders,/orders/17", "/orders?a=1, /orders/17", "/orders,/"])
def test_a_repeated_uri_is_refused(shop: Shop, uri: str) -> None:
    assert_wrong_setup(
        ask(f"GET {uri}", shop.token()),
        f"{MUST_SEND} The URI has a comma before a slash, as if it had been sent twice. If the "
        "request really has that comma, encode it as %2C.",
    )


@pytest.mark.parametrize(
    "query", ["api=", "api=nothing", "api=orders&api=files", "api=orders&api=orders"]
)
def test_a_gateway_must_name_one_api(shop: Shop, query: str) -> None:
    sent = {"X-Original-Method": "GET", "X-Original-URI": "/orders"}
    response = asked_with(sent, shop.token(), query=query)
    assert_wrong_setup(response, MUST_NAME.format("orders, files"))


def test_an_api_without_a_server_in_the_environment_is_unknown_there(shop: Shop) -> None:
    response = ask("GET /v2/files/a", shop.token(), of="files", environment=api.PRODUCTION)
    assert_wrong_setup(response, MUST_NAME.format("orders"))


def test_the_original_platform_has_no_other_api(app: api.App, credential: JwtCredential) -> None:
    response = ask("GET /orders", api.access_token(app, credential))
    challenge = INVALID_REQUEST.replace("API", "REST API")
    assert_wrong_setup(response, MUST_NAME.format("none"), challenge)


# --- Requests that servers can read differently --------------------------------------------------

HOSTILE = [
    ("/orders/", "the path is another spelling of /orders"),
    ("/Orders", "the path is another spelling of /orders"),
    ("/%6frders", "the path is another spelling of /orders"),
    ("/orders/17/", "the path is another spelling of /orders/{id}"),
    ("//orders", "the path has an empty segment"),
    ("/orders//refunds", "the path has an empty segment"),
    ("/orders/./refunds", "the path has a dot segment"),
    ("/orders/../status", "the path has a dot segment"),
    ("/status/../orders", "the path has a dot segment"),
    ("/orders/%2e%2e/status", "the path has an encoded character that servers decode differently"),
    ("/orders%2F17", "the path has an encoded character that servers decode differently"),
    ("/status%2f..%2forders", "the path has an encoded character that servers decode differently"),
    ("/orders%5c17", "the path has an encoded character that servers decode differently"),
    ("/orders/%00", "the path has an encoded character that servers decode differently"),
    ("/status%0d%0aX:y", "the path has an encoded character that servers decode differently"),
    ("/status%3F/orders", "the path has an encoded character that servers decode differently"),
    ("/status%23/orders", "the path has an encoded character that servers decode differently"),
    ("/orders%252F17", "the path has an encoded character that servers decode differently"),
    ("/orders%3Bv=1", "the path has an encoded character that servers decode differently"),
    ("/orders/17%20", "the path has an encoded character that servers decode differently"),
    ("/orders;v=1", "the path has a character that must be percent-encoded"),
    ("/status;/orders", "the path has a character that must be percent-encoded"),
    ("/status#/orders", "the path has a character that must be percent-encoded"),
    ("/orders\\17", "the path has a character that must be percent-encoded"),
    ("/orders/%2", "the path has a character that must be percent-encoded"),
    ("/orders/\xe9", "the path has a character that must be percent-encoded"),
    ("/orders/%C0%AF", "the path has encoded characters that aren't UTF-8"),
    ("orders", "the path doesn't begin with a slash"),
    ("http://api.acme.example/orders", "the path doesn't begin with a slash"),
    ("*", "the path doesn't begin with a slash"),
    ("?a=/orders", "the path doesn't begin with a slash"),
]


def ambiguous(problem: str, label: str = "Orders API") -> dict[str, Any]:
    return api.rest_error(
        "CMN-402",
        f"Servers can read this request in more than one way: {problem}. Send it as the reference "
        f"of the {label} describes it.",
    )


@pytest.mark.parametrize(("uri", "problem"), HOSTILE, ids=lambda value: ascii(value)[:40])
def test_a_hostile_path_reaches_no_operation(shop: Shop, uri: str, problem: str) -> None:
    """Neither one of the document, nor one that an API lets through authenticated."""
    token = shop.token()
    response = ask(f"GET {uri}", token)
    assert (response.status_code, response.json()) == (403, ambiguous(problem))
    row = recorded(response)
    assert (row.check_name, row.reason) == ("operation", "ambiguous_request")
    assert row.credential == shop.credential
    if "spelling" not in problem:
        unlisted = ask(f"GET {uri}", token, of="files")
        assert (unlisted.status_code, unlisted.json()) == (403, ambiguous(problem, "Files API"))


@pytest.mark.parametrize("method", ["get", "Get", "GET,POST", "GET, POST", "GET\tPOST", "G(", "1"])
def test_a_method_is_one_word_in_capital_letters(shop: Shop, method: str) -> None:
    sent = {"X-Original-Method": method, "X-Original-URI": "/orders"}
    response = asked_with(sent, shop.token())
    problem = "the method isn't one word in capital letters"
    assert (response.status_code, response.json()) == (403, ambiguous(problem))


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
@pytest.mark.parametrize("value", ["DELETE", "GET", ""])
def test_a_second_method_is_refused(shop: Shop, header: str, value: str) -> None:
    response = ask("GET /orders", shop.token(), headers={header: value})
    problem = f"the header {header} can override the method"
    assert (response.status_code, response.json()) == (403, ambiguous(problem))
    assert ask("GET /status", headers={header: value}).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["access_token=x", "page=1&token=x", "client_secret=", "refresh_token", "a=b&%74oken=x"],
)
def test_a_secret_in_the_query_string_is_refused(shop: Shop, query: str) -> None:
    for path in ("/orders", "/status"):
        response = ask(f"GET {path}?{query}", shop.token())
        assert (response.status_code, response.json()) == (
            400,
            api.rest_error("CMN-101", IN_QUERY),
        )
        assert response["WWW-Authenticate"] == INVALID_REQUEST
    assert ask("GET /orders?page=token", shop.token()).status_code == 204


@hypothesis_settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    path=st.text(st.sampled_from("/.%2eEfF5cC;orders\\ ?#,~"), max_size=14).map("/{}".format),
)
def test_what_any_server_could_read_as_an_order_needs_its_rule(shop: Shop, path: str) -> None:
    """Only one spelling of a path is open, so no other one passes without a token."""
    response = ask(f"GET {path}")
    assert response.status_code in (400, 401, 403)
    if response.status_code == 401:
        plain = path.partition("?")[0]
        assert plain == "/orders" or plain.startswith("/orders/")


# --- Whose address counts ------------------------------------------------------------------------

CALLER = "192.0.2.7"
GATEWAY = "198.51.100.1"


def from_gateway(token: str, forwarded: str | None, authorization: str | None = None) -> int:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    if authorization is not None:
        headers["Proxy-Authorization"] = authorization
    response = ask("GET /orders", token, headers=headers, REMOTE_ADDR=GATEWAY)
    return int(response.status_code)


@pytest.fixture
def fenced(shop: Shop) -> str:
    """A token that works from the caller's address only."""
    token = shop.token()
    JwtCredential.objects.filter(pk=shop.credential.pk).update(allowed_networks=[f"{CALLER}/32"])
    return token


@pytest.fixture
def gateway(shop: Shop) -> api.App:
    gateway = api.app(shop.rebels.leia, name="Gateway", scopes=[])
    mark_resource_server(gateway.client, marked=True, origin=cast.ORIGIN)
    return gateway


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        ([], CALLER, 401),
        (["203.0.113.0/24"], CALLER, 401),
        ([GATEWAY], CALLER, 204),
        ([GATEWAY], f"{CALLER}:4711", 204),
        ([GATEWAY], f"{CALLER}, 203.0.113.9", 401),
        ([GATEWAY], None, 401),
    ],
)
def test_the_word_of_a_trusted_proxy_counts(
    fenced: str, settings: Settings, proxies: list[str], forwarded: str | None, status: int
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert from_gateway(fenced, forwarded) == status


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [(CALLER, 204), (f"203.0.113.9, {CALLER}", 204), (f"{CALLER}, 203.0.113.9", 401), (None, 401)],
)
def test_the_word_of_a_resource_server_counts(
    fenced: str, gateway: api.App, forwarded: str | None, status: int
) -> None:
    assert from_gateway(fenced, forwarded, gateway.authorization) == status


def test_a_trusted_proxy_that_authenticates_lets_no_caller_invent_an_address(
    fenced: str, gateway: api.App, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [GATEWAY]
    invented = f"{CALLER}, 203.0.113.9"
    assert from_gateway(fenced, invented, gateway.authorization) == 401
    settings.TRUSTED_PROXIES, settings.TRUSTED_PROXY_COUNT = [], 1
    assert from_gateway(fenced, invented, gateway.authorization) == 401


def test_a_refusal_names_the_address_of_the_caller(fenced: str, gateway: api.App) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Proxy-Authorization": gateway.authorization}
    response = ask("GET /orders", fenced, headers=headers, REMOTE_ADDR=GATEWAY)
    row = recorded(response)
    assert (row.check_name, row.address) == ("network", "203.0.113.9")


def test_a_gateway_that_fails_to_authenticate_is_told(shop: Shop, gateway: api.App) -> None:
    """A wrong secret must not turn into refusals that no one understands."""
    token = shop.token()
    other = api.app(shop.rebels.leia, name="Other", scopes=[], environment=api.PRODUCTION)
    mark_resource_server(other.client, marked=True, origin=cast.ORIGIN)
    for header in (
        api.basic(gateway.client_id, "wrong"),
        api.basic("unknown", "secret"),
        shop.app.authorization,
        other.authorization,
        f"Bearer {token}",
        "Basic ?",
        "x",
    ):
        response = ask("GET /orders", token, headers={"Proxy-Authorization": header})
        assert_wrong_setup(response, NO_RESOURCE_SERVER)


def test_guessing_the_secret_of_a_gateway_is_limited(
    shop: Shop, gateway: api.App, settings: Settings
) -> None:
    token = shop.token()
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, LimitGroup.AUTH: (1, 60)}
    wrong = {"Proxy-Authorization": api.basic(gateway.client_id, "wrong")}
    statuses = [ask("GET /orders", token, headers=wrong).status_code for _ in range(2)]
    assert statuses == [400, 429]
    right = {"Proxy-Authorization": gateway.authorization}
    assert ask("GET /orders", token, headers=right).status_code == 204


def test_verify_without_an_api_takes_the_word_of_a_resource_server_too(
    fenced: str, gateway: api.App
) -> None:
    sent = {"X-Forwarded-For": CALLER}
    assert asked_with(sent, fenced, query="", REMOTE_ADDR=GATEWAY).status_code == 401
    sent["Proxy-Authorization"] = gateway.authorization
    assert asked_with(sent, fenced, query="", REMOTE_ADDR=GATEWAY).status_code == 204
