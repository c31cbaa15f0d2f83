"""Failures of servers and gateways that read addresses, paths and bodies, against our parsers."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.test import RequestFactory
from pytest_django import Settings

from accounts.environments import Environment
from accounts.platform.paths import HostilePath, PathTree
from core import multipart, pagination
from core.networks import InvalidNetwork, allows, canonical_address, canonical_network
from core.origin import client_ip
from credentials import throttle
from credentials.models import Client, JwtCredential, Policy
from credentials.oauth.checks import SCOPE_CHECKS, Exchange
from credentials.oauth.client_auth import presented_credentials
from credentials.oauth.errors import InvalidScope, InvalidTarget
from credentials.oauth.original_request import GatewaySetup, original_request
from credentials.oauth.parameters import Parameters
from credentials.oauth.targets import target_of

EXCHANGE = cast(
    Exchange,
    SimpleNamespace(environment=Environment.SANDBOX, credential=SimpleNamespace(pk="x")),
)


@contextmanager
def at_once() -> Iterator[None]:
    # Of the processor, so that a busy machine doesn't count.
    begun = time.process_time()
    yield
    assert time.process_time() - begun < 0.2


def hostile(tree: PathTree[str], *paths: str) -> list[str]:
    return [path for path in paths if _is_refused(tree, path)]


def _is_refused(tree: PathTree[str], path: str) -> bool:
    try:
        tree.find("GET", path)
    except HostilePath:
        return True
    return False


# --- Addresses ------------------------------------------------------------------------------------


def test_django_cve_2021_33571() -> None:
    """Django accepted leading zeros in IPv4 addresses, which other programs read as octal."""
    assert canonical_address("192.0.2.7") == "192.0.2.7"
    zeros = ["010.0.0.1", "127.0.0.01", "0177.0.0.1", "00.0.0.0", "::ffff:010.0.0.1"]
    assert [text for text in zeros if canonical_address(text)] == []
    for text in ("010.0.0.0/8", "192.168.00.0/24"):
        with pytest.raises(InvalidNetwork):
            canonical_network(text)


def test_authentik_cve_2023_36456(rf: RequestFactory) -> None:
    """authentik believed the X-Forwarded-For and X-Real-IP headers of anyone."""
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"):
        request = rf.get("/", headers={header: "10.0.0.1"}, REMOTE_ADDR="203.0.113.9")
        assert client_ip(request) == "203.0.113.9"


def test_oauth2_proxy_cve_2026_76835(rf: RequestFactory, settings: Settings) -> None:
    """OAuth2 Proxy trusted every address as a proxy unless it was told which ones to trust."""
    assert (settings.TRUSTED_PROXIES, settings.TRUSTED_PROXY_COUNT) == ([], 0)
    for peer in ("127.0.0.1", "10.0.0.9", "192.168.0.1", "::1"):
        request = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6"}, REMOTE_ADDR=peer)
        assert client_ip(request) == peer


def test_authentik_cve_2024_47070(rf: RequestFactory, settings: Settings) -> None:
    """authentik skipped a policy if X-Forwarded-For held anything but an address."""
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    allowed = ["192.0.2.0/24"]
    for text in ("a", "192.0.2.999", "192.0.2.7 192.0.2.7", "[192.0.2.7", "localhost", ",", "%00"):
        request = rf.get("/", headers={"X-Forwarded-For": text}, REMOTE_ADDR="10.0.0.9")
        assert not allows(client_ip(request), allowed)
    assert not allows(None, allowed)
    assert not allows("", allowed)


# --- Gateways -------------------------------------------------------------------------------------


def test_oathkeeper_cve_2026_33494() -> None:
    """Oathkeeper matched its rules against a path with dot segments, which the API resolved."""
    tree = PathTree[str]()
    tree.add("GET", "/public/{file}", "open")
    tree.add("GET", "/admin/secrets", "closed")
    paths = [
        "/public/../admin/secrets",
        "/public/%2e%2e/admin/secrets",
        "/public/..%2Fadmin%2Fsecrets",
        "/public/..;/admin/secrets",
        "/public/.%2e",
        "/./admin/secrets",
        "//admin/secrets",
        "/public\\..\\admin",
    ]
    assert hostile(tree, "/public/logo", *paths) == paths


def test_django_cve_2021_44420() -> None:
    """Django matched a path that ended with a line break, which a proxy had let through."""
    tree = PathTree[str]()
    tree.add("GET", "/orders", "orders")
    paths = ["/orders\n", "/orders%0A", "/orders%0a/", "/orders\r\n", "/orders%0D%0A", "\n/orders"]
    assert hostile(tree, "/orders", *paths) == paths


def test_oauth2_proxy_cve_2026_40575(rf: RequestFactory) -> None:
    """OAuth2 Proxy decided by the X-Forwarded-Uri that the caller had sent."""
    gateway = {"X-Original-Method": "DELETE", "X-Original-URI": "/orders/17"}
    for mine in (
        {"X-Forwarded-Uri": "/status", "X-Forwarded-Method": "GET"},
        {"X-Forwarded-Uri": "/status"},
        {"X-Forwarded-Method": "GET"},
    ):
        with pytest.raises(GatewaySetup, match="both"):
            original_request(rf.get("/", headers=gateway | mine))
    with pytest.raises(GatewaySetup):
        original_request(rf.get("/", headers=gateway | {"X-Original-URI": "/status, /orders/17"}))
    found = original_request(rf.get("/", headers=gateway))
    assert (found.method, found.path) == ("DELETE", "/orders/17")


# --- Bodies and parameters ------------------------------------------------------------------------


def part(name: str, value: bytes, *headers: str) -> bytes:
    head = [f'Content-Disposition: form-data; name="{name}"', *headers]
    return b"\r\n".join([b"--x", *(line.encode() for line in head), b"", value, b""])


def test_django_cve_2022_23833() -> None:
    """Django's parser of multipart forms never ended for a part with damaged base64."""
    for value in (b"Z" * 65_537, b"=", b"Zg=" * 9999, b"\xff" * 99):
        body = part("a", value, "Content-Transfer-Encoding: base64") + b"--x--"
        with at_once(), pytest.raises(BadRequest):
            multipart.fields_of(body, "x")


def test_django_cve_2023_24580(settings: Settings) -> None:
    """Django parsed any number of parts of a form, with or without a file in them."""
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    body = part("a", b"1") * (most + 1) + b"--x--"
    with at_once(), pytest.raises(TooManyFieldsSent):
        multipart.fields_of(body, "x")
    with at_once(), pytest.raises(BadRequest):
        multipart.fields_of(part("a", b"1", 'X-Y: "') * most + b"--x", "x")
    filed = b'--x\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n--x--'
    with pytest.raises(BadRequest, match="files"):
        multipart.fields_of(filed, "x")


def test_keycloak_cve_2026_4634() -> None:
    """Keycloak spent minutes on a very long `scope` parameter."""
    scope = " ".join(f"s{number}" for number in range(40_000))
    check = SCOPE_CHECKS[0]
    with at_once():
        refusal = check.refusal(_requesting(scope))
    assert isinstance(refusal, InvalidScope)
    assert len(str(refusal.body)) < 1000
    repeated = _requesting("ReadAccounts " * 20_000)
    with at_once():
        assert check.refusal(repeated) is None
        assert repeated.granted_scopes == {"ReadAccounts"}


def _requesting(scope: str) -> Exchange:
    app = SimpleNamespace(application=SimpleNamespace(effective_scopes={"ReadAccounts"}))
    credential = SimpleNamespace(ceiling=None)
    return Exchange(
        Environment.SANDBOX,
        cast(Client, app),
        cast(JwtCredential, credential),
        cast(Policy, None),
        False,
        datetime.now(UTC),
        scope=scope,
    )


def test_oauthlib_cve_2022_36087() -> None:
    """OAuthLib's check of a URI took forever for a long one with brackets."""
    for uri in (
        "http://[" + ":" * 100_000,
        "http://[" + "1:" * 50_000 + "]",
        "http://" + "a." * 99,
    ):
        with at_once(), pytest.raises(InvalidTarget) as refused:
            target_of(EXCHANGE, frozenset({"ReadAccounts"}), uri)
        assert len(str(refused.value.body)) < 1000


def test_hydra_ghsa_r9w3_57w2_gch2() -> None:
    """Hydra put the text of a pagination token into its SQL."""
    order = pagination.Order(("created_at", "id"))
    for cursor in ("' OR 1=1 --", "1); DROP TABLE users; --", "\x00", "{}", "[1]", "1" * 9999):
        # A statement would fail, because this test has no database.
        assert pagination._values_of(cursor, JwtCredential.objects.all(), order) is None


def test_django_cve_2020_13254() -> None:
    """Django sent texts of the caller to the cache as keys, so that keys could collide."""
    texts = ["a b", "a\nset x 0 0 1", "a\x00b", "ü" * 999, "\ud800", "a" * 5000, "{x}:{y}"]
    keys: list[str] = [throttle._key(throttle.LimitGroup.AUTH, (text,)) for text in texts]
    assert len({*keys}) == len(texts)
    assert all(key.isascii() and key.isprintable() and len(key) < 64 for key in keys)
    assert not any(" " in key for key in keys)


def test_keycloak_cve_2026_16093(rf: RequestFactory) -> None:
    """Keycloak took an unsigned assertion of a client for the signed one that a policy required."""
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + ".e30."
    form: dict[str, Any] = {
        "client_id": "c",
        "client_assertion": unsigned,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert presented_credentials(rf.post("/"), Parameters(form)) is None
