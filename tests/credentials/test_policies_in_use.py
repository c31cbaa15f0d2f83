"""What a policy refuses at an exchange, a refresh and a call."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import ConsoleRole
from credentials.actions.clients import mark_resource_server
from credentials.models import AppAccess, JwtCredential
from tests import api, cast
from tests.api import App
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import (
    url,
    words_of,
)
from tests.credentials.policies import PRODUCTION, set_policy

ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


REFUSED = "The organization policy does not allow this credential."
FORBIDDING: list[tuple[dict[str, Any], str]] = [
    ({"max_lifetime_days": 30}, f"{REFUSED} A credential can last at most 30 days."),
    ({"max_lifetime_days": 1}, f"{REFUSED} A credential can last at most 1 day."),
    ({"expiry_required": True}, f"{REFUSED} Every credential needs an expiration date."),
    (
        {"all_apps_allowed": False},
        f"{REFUSED} A credential can only allow specific apps.",
    ),
    (
        {"allowed_networks": ["192.0.2.0/24", "::1/128"]},
        "The organization policy does not allow calls from the address 127.0.0.1.",
    ),
]


@pytest.mark.parametrize(("rules", "message"), FORBIDDING)
def test_a_policy_stops_credentials_created_before_it(
    rebels: Rebels, app: App, rules: dict[str, Any], message: str
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    assert api.call("GET", "/account/~", token).status_code == 200
    set_policy(rebels.organization, PRODUCTION, **rules)
    assert api.exchange(app, credential.encode()).status_code == 200
    policy = set_policy(rebels.organization, **rules)
    response = api.exchange(app, credential.encode())
    assert (response.status_code, response.json()) == (
        400,
        api.oauth_error("invalid_grant", "JWT-107", message),
    )
    call = api.call("GET", "/account/~", token)
    assert (call.status_code, call.json()["errorCode"]) == (401, "OAU-213")
    policy.delete()
    assert api.exchange(app, credential.encode()).status_code == 200
    assert api.call("GET", "/account/~", token).status_code == 200


def test_the_lifetime_of_a_credential_comes_from_its_claims(rebels: Rebels, app: App) -> None:
    at = timezone.now() - timedelta(days=5)
    credential = cast.credential(rebels.luke, expires_on=at.date() + timedelta(days=9), at=at)
    set_policy(rebels.organization, max_lifetime_days=10)
    assert api.exchange(app, credential.encode()).status_code == 200
    set_policy(rebels.organization, max_lifetime_days=9)
    assert api.exchange(app, credential.encode()).json()["errors"][0]["errorCode"] == "JWT-107"


def test_an_exchange_ignores_who_can_create_credentials(rebels: Rebels, app: App) -> None:
    credential = cast.credential(rebels.luke)
    set_policy(rebels.organization, creator_role="developer_admin")
    assert api.exchange(app, credential.encode()).status_code == 200


def test_an_exchange_checks_policies_after_owner_and_app(rebels: Rebels, app: App) -> None:
    credential = cast.credential(rebels.luke)
    set_policy(rebels.organization, all_apps_allowed=False, allowed_networks=["::1/128"])
    foreign = api.app(rebels.luke, name="Other")

    def code(of: App = app) -> str:
        return str(api.exchange(of, credential.encode()).json()["errors"][0]["errorCode"])

    assert code() == "JWT-107"
    rebels.luke.role = ConsoleRole.AUDITOR
    rebels.luke.save()
    assert code() == "JWT-106"
    JwtCredential.objects.update(app_access=AppAccess.SPECIFIC)
    assert code(foreign) == "JWT-105"


def test_a_refresh_against_the_policy_gets_jwt_107(rebels: Rebels) -> None:
    app = api.app(rebels.luke, name="Falcon", issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke)
    token = api.exchange(app, credential.encode()).json()["refresh_token"]
    refresh = {"grant_type": "refresh_token", "refresh_token": token}
    for rules in ({"all_apps_allowed": False}, {"allowed_networks": ["::1/128"]}):
        policy = set_policy(rebels.organization, **rules)
        response = api.post(refresh, app.authorization)
        assert response.json()["errors"][0]["errorCode"] == "JWT-107"
        policy.delete()
    assert api.post(refresh, app.authorization).status_code == 200


def restrict(credential: JwtCredential, *networks: str) -> None:
    JwtCredential.objects.filter(pk=credential.pk).update(allowed_networks=list(networks))


def from_address(app: App, credential: JwtCredential, **extra: Any) -> Any:
    data = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    return api.post(data, app.authorization, **extra)


@pytest.mark.parametrize(
    ("policy", "own", "message"),
    [
        ([], ["192.0.2.0/24"], "This credential does not allow calls from the address"),
        (["192.0.2.0/24"], [], "The organization policy does not allow calls from the address"),
        (["203.0.113.0/24"], ["192.0.2.0/24"], "This credential does not allow calls"),
        (["192.0.2.0/24"], ["203.0.113.0/24"], "The organization policy does not allow calls"),
        (["203.0.113.0/24"], ["203.0.113.9/32"], None),
        ([], ["::/0", "203.0.113.9/32"], None),
    ],
)
def test_policy_and_credential_must_both_allow_the_address(
    rebels: Rebels, app: App, policy: list[str], own: list[str], message: str | None
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    set_policy(rebels.organization, allowed_networks=policy)
    restrict(credential, *own)
    response = from_address(app, credential, **ELSEWHERE)
    call = api.call("GET", "/account/~", token, **ELSEWHERE)
    if message is None:
        assert (response.status_code, call.status_code) == (200, 200)
        return
    assert response.json()["errors"][0]["errorCode"] == "JWT-107"
    assert message in response.json()["error_description"]
    assert (call.status_code, call.json()["errorCode"]) == (401, "OAU-213")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.200", True),
        ("::ffff:192.0.2.200", True),
        ("::ffff:203.0.113.9", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("", False),
    ],
)
def test_networks_match_ipv4_and_ipv6_addresses(
    rebels: Rebels, app: App, address: str, allowed: bool
) -> None:
    credential = cast.credential(rebels.luke)
    restrict(credential, "192.0.2.0/24", "2001:db8::/32")
    response = from_address(app, credential, REMOTE_ADDR=address)
    assert (response.status_code == 200) is allowed


@pytest.mark.parametrize(
    ("proxies", "forwarded", "allowed"),
    [
        (0, "192.0.2.7", False),
        (1, "192.0.2.7", True),
        (1, "192.0.2.7, 203.0.113.9", False),
        (2, "192.0.2.7, 203.0.113.9", True),
        (2, "192.0.2.7", False),
        (1, "", False),
        (1, "nonsense", False),
    ],
)
def test_networks_are_checked_against_the_address_from_trusted_proxies(
    rebels: Rebels, app: App, settings: Any, proxies: int, forwarded: str, allowed: bool
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    restrict(credential, "192.0.2.0/24")
    settings.TRUSTED_PROXY_COUNT = proxies
    header: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded}
    assert (from_address(app, credential, **header).status_code == 200) is allowed
    call = api.call("GET", "/account/~", token, **header)
    assert call.status_code == (200 if allowed else 401)


def introspected(asking: App, token: str, *, forwarded: str = "", **parameters: str) -> Any:
    named = {"X-Forwarded-For": forwarded} if forwarded else {}
    response = api.program().post(
        "/sandbox/restapi/oauth/introspect",
        urlencode({"token": token, **parameters}),
        content_type=api.FORM,
        headers={"Authorization": asking.authorization, **named},
    )
    return response.json()


def resource_server(rebels: Rebels) -> App:
    found = api.app(rebels.leia, name="Resource server")
    mark_resource_server(found.client, marked=True, origin=cast.ORIGIN)
    return found


def test_introspection_says_that_it_did_not_check_the_network(rebels: Rebels, app: App) -> None:
    """It doesn't know from where the app calls, and it doesn't believe the app."""
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    without_rules = introspected(app, token)
    assert (without_rules["active"], without_rules["network_checked"]) == (True, False)
    restrict(credential, "192.0.2.0/24")
    assert introspected(app, token) == without_rules
    assert introspected(resource_server(rebels), token) == without_rules
    for claimed in ("192.0.2.7", "203.0.113.9", "nowhere"):
        assert introspected(app, token, client_ip=claimed) == without_rules
        assert introspected(app, token, forwarded=claimed) == without_rules
    set_policy(rebels.organization, all_apps_allowed=False)
    assert introspected(app, token) == {"active": False}


@pytest.mark.parametrize("rule", ["credential", "policy"])
def test_introspection_checks_the_address_that_a_resource_server_sends(
    rebels: Rebels, app: App, rule: str
) -> None:
    credential, asking = cast.credential(rebels.luke), resource_server(rebels)
    token = api.access_token(app, credential)
    unchecked = introspected(asking, token)
    if rule == "credential":
        restrict(credential, "192.0.2.0/24", "2001:db8::/32")
    else:
        set_policy(rebels.organization, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    for allowed in ("192.0.2.7", "::ffff:192.0.2.7", "2001:DB8::7"):
        found = introspected(asking, token, client_ip=allowed)
        assert found == unchecked | {"network_checked": True}
    for address in ("203.0.113.9", "::1"):
        assert introspected(asking, token, client_ip=address) == {"active": False}


@pytest.mark.parametrize(
    ("forwarded", "is_allowed"),
    [
        ("192.0.2.7", True),
        ("203.0.113.9", False),
        ("192.0.2.7:443", True),
        ("203.0.113.9, 192.0.2.7", True),
        # The caller sent the first one, and the gateway added the second.
        ("192.0.2.7, 203.0.113.9", False),
    ],
)
def test_introspection_checks_the_address_that_a_gateway_forwards(
    rebels: Rebels, app: App, forwarded: str, is_allowed: bool
) -> None:
    """The gateway authenticates as a resource server."""
    credential, gateway = cast.credential(rebels.luke), resource_server(rebels)
    token = api.access_token(app, credential)
    unchecked = introspected(gateway, token)
    restrict(credential, "192.0.2.0/24")
    checked = unchecked | {"network_checked": True}
    expected = checked if is_allowed else {"active": False}
    assert introspected(gateway, token, forwarded=forwarded) == expected
    # The parameter says it more clearly than the header.
    assert introspected(gateway, token, forwarded=forwarded, client_ip="192.0.2.7") == checked


@pytest.mark.parametrize(
    "proxies", [{"TRUSTED_PROXIES": ["127.0.0.0/8"]}, {"TRUSTED_PROXY_COUNT": 1}], ids=str
)
def test_introspection_takes_no_address_that_may_be_of_the_resource_server_itself(
    rebels: Rebels, app: App, settings: Any, proxies: dict[str, Any]
) -> None:
    """The proxy in front of the console adds the address of the resource server to the header."""
    credential, asking = cast.credential(rebels.luke), resource_server(rebels)
    token = api.access_token(app, credential)
    unchecked = introspected(asking, token)
    restrict(credential, "192.0.2.0/24")
    for name, value in proxies.items():
        setattr(settings, name, value)
    for forwarded in ("192.0.2.7", "203.0.113.9", "192.0.2.7, 203.0.113.9"):
        assert introspected(asking, token, forwarded=forwarded) == unchecked
    assert introspected(asking, token, client_ip="203.0.113.9") == {"active": False}


def test_introspection_ignores_a_forwarded_address_that_is_none(rebels: Rebels, app: App) -> None:
    token = api.access_token(app, cast.credential(rebels.luke))
    asking = resource_server(rebels)
    assert introspected(asking, token, forwarded="unknown")["network_checked"] is False


@pytest.mark.parametrize("text", ["nowhere", "192.0.2.7:443", "192.0.2.0/24", "192.0.2.7, ::1"])
def test_introspection_refuses_a_client_ip_that_is_no_address(
    rebels: Rebels, app: App, text: str
) -> None:
    token = api.access_token(app, cast.credential(rebels.luke))
    assert introspected(resource_server(rebels), token, client_ip=text) == api.oauth_error(
        "invalid_request",
        "CMN-101",
        "The parameter client_ip is not an IP address. Send the address that the call came from, "
        "without a port.",
    )


def queries_of(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert call().status_code == 200
    return len(queries)


def test_policies_add_no_query_to_an_exchange_or_a_call(rebels: Rebels, app: App) -> None:
    """They come with the credential's row, in the exchange and in every call."""
    credential = cast.credential(rebels.luke)
    jwt = credential.encode()
    token = api.access_token(app, credential)

    def exchange() -> Any:
        return api.exchange(app, jwt)

    def call() -> Any:
        return api.call("GET", "/account/~", token)

    without = queries_of(exchange), queries_of(call)
    set_policy(rebels.organization, max_lifetime_days=None, allowed_networks=["127.0.0.0/8"])
    assert (queries_of(exchange), queries_of(call)) == without
    with CaptureQueriesContext(connection) as queries:
        exchange()
    reading = [query["sql"] for query in queries if "credentials_policy" in query["sql"]]
    assert len(reading) == 1
    assert "credentials_jwtcredential" in reading[0]


def test_a_credential_reads_its_policy_when_asked(rebels: Rebels) -> None:
    credential = cast.credential(rebels.luke)
    set_policy(rebels.organization, max_lifetime_days=7, allowed_networks=["::1/128"])
    for found in (
        JwtCredential.objects.get(pk=credential.pk),
        JwtCredential.objects.with_policy().get(pk=credential.pk),
    ):
        assert (found.policy.max_lifetime_days, found.policy.all_apps_allowed) == (7, True)
        assert found.policy.allowed_networks == ["::1/128"]


def test_a_dry_run_shows_the_refusal_of_the_policy(
    rebels: Rebels, app: App, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    set_policy(rebels.organization, expiry_required=True)
    response = sign_in(rebels.luke).post(url("test", credential), {"client_id": app.client_id})
    assert (
        "Failed: The organization policy allows the credential "
        f"{REFUSED} Every credential needs an expiration date. JWT-107" in words_of(response)
    )


@pytest.mark.parametrize("real", [False, True])
def test_a_test_from_the_console_does_not_check_networks(
    rebels: Rebels, app: App, sign_in: SignIn, real: bool
) -> None:
    credential = cast.credential(rebels.luke)
    restrict(credential, "192.0.2.0/24")
    set_policy(rebels.organization, allowed_networks=["2001:db8::/32"])
    data = {"client_id": app.client_id} | ({"client_secret": app.secret} if real else {})
    words = words_of(sign_in(rebels.luke).post(url("test", credential), data))
    assert (
        "Not checked: The app calls from an allowed network The console doesn’t know which "
        "address the app calls from: the organization policy allows 2001:db8::/32; the credential "
        "allows 192.0.2.0/24." in words
    )
    assert "Failed:" not in words
    assert ("The Auth API granted an access token" in words) is real
