import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from core.origin import Origin, client_ip, network_of


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip"),
    [
        (0, None, "10.0.0.9"),
        (0, "203.0.113.7", "10.0.0.9"),
        (1, None, "10.0.0.9"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6,203.0.113.7 ", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.9"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "unknown", "10.0.0.9"),
        (1, "203.0.113.7:4711", "203.0.113.7"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "'; DROP TABLE users", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, ",", "10.0.0.9"),
        (1, "6.6.6.6,", "10.0.0.9"),
    ],
)
def test_client_ip(
    proxies: int, forwarded: str | None, ip: str, rf: RequestFactory, settings: Settings
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = rf.get("/", headers=headers, REMOTE_ADDR="10.0.0.9")
    assert client_ip(request) == ip


@pytest.mark.parametrize(
    ("peer", "forwarded", "ip"),
    [
        # A caller that reaches the server directly can't invent an address.
        ("203.0.113.7", "6.6.6.6", "203.0.113.7"),
        ("203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ("10.0.0.9", None, "10.0.0.9"),
        ("10.0.0.9", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("10.0.0.9", "10.0.0.2, 10.0.0.1", "10.0.0.2"),
        ("10.0.0.9", "203.0.113.7:54321", "203.0.113.7"),
        ("10.0.0.9", "[2001:db8::7]:54321, 10.0.0.1:80", "2001:db8::7"),
        ("2001:db8:1::9", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.9", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.9", "unknown", "10.0.0.9"),
        ("10.0.0.9", "6.6.6.6, unknown, 10.0.0.1", "10.0.0.1"),
        ("10.0.0.9", "6.6.6.6,", "10.0.0.9"),
        # Behind a Unix socket.
        ("", "203.0.113.7", "203.0.113.7"),
        ("", None, None),
    ],
)
def test_the_caller_is_the_rightmost_address_that_is_no_trusted_proxy(
    peer: str, forwarded: str | None, ip: str | None, rf: RequestFactory, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8:1::/48"]
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_ip(rf.get("/", headers=headers, REMOTE_ADDR=peer)) == ip


@pytest.mark.parametrize(
    ("peer", "ip"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unix:socket", "unix:socket"),
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_peer_has_one_spelling(
    proxies: int, peer: str, ip: str, rf: RequestFactory, settings: Settings
) -> None:
    """A server that listens on `::` sees IPv4 as a part of IPv6."""
    settings.TRUSTED_PROXY_COUNT = proxies
    assert client_ip(rf.get("/", REMOTE_ADDR=peer)) == ip


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::8", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
        ("unknown", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_all_addresses_of_one_customer_count_as_one(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_no_address_behind_a_unix_socket(rf: RequestFactory) -> None:
    assert client_ip(rf.get("/", REMOTE_ADDR="")) is None


def test_origin_of_a_request(rf: RequestFactory) -> None:
    request = rf.get("/", headers={"User-Agent": "x" * 300}, REMOTE_ADDR="10.0.0.9")
    assert Origin.of(request) == Origin(ip="10.0.0.9", user_agent="x" * 200)
    request.request_id = "abc"  # type: ignore[attr-defined]
    assert Origin.of(request).request_id == "abc"
