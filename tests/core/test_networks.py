"""Networks in CIDR notation: their canonical spelling and the addresses they contain."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import networks
from core.networks import InvalidNetwork, allows, narrows

FOUR = st.ip_addresses(v=4)
SIX = st.ip_addresses(v=6)
ADDRESSES = st.ip_addresses()


@st.composite
def subnets(draw: st.DrawFn) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address = draw(ADDRESSES)
    prefix = draw(st.integers(0, address.max_prefixlen))
    return ipaddress.ip_network((address, prefix), strict=False)


def lists() -> st.SearchStrategy[list[str]]:
    return st.lists(subnets().map(str), max_size=4)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_canonical_spelling(text: str, spelling: str) -> None:
    assert networks.canonical_network(text) == spelling


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("192.0.2.1/24", "For the whole network, enter 192.0.2.0/24."),
        ("2001:db8::1/32", "For the whole network, enter 2001:db8::/32."),
        ("", "isn’t an address or a network"),
        ("office", "isn’t an address or a network"),
        ("10.1", "isn’t an address or a network"),
        ("256.0.0.1", "isn’t an address or a network"),
        ("192.0.2.0/33", "isn’t an address or a network"),
        ("01.2.3.4", "isn’t an address or a network"),
        ("١.2.3.4", "isn’t an address or a network"),
        ("192.0.2.0/24/1", "isn’t an address or a network"),
        ("fe80::1%eth0", "names a network interface"),
    ],
)
def test_text_that_is_not_a_network_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidNetwork, match=says):
        networks.canonical_network(text)


def test_a_list_has_each_network_once_and_at_most_fifty() -> None:
    assert networks.canonical_networks(["192.0.2.1", "192.0.2.1/32", "::1"]) == [
        "192.0.2.1/32",
        "::1/128",
    ]
    many = [f"10.0.{number}.0/24" for number in range(networks.MAX_NETWORKS)]
    assert networks.canonical_networks(many) == many
    with pytest.raises(InvalidNetwork, match="at most 50 networks"):
        networks.canonical_networks([*many, "192.0.2.0/24"])


def test_entries_are_separated_by_lines_commas_or_semicolons() -> None:
    assert networks.entries_of(" a\r\nb, c;d\n\n") == ["a", "b", "c", "d"]
    assert networks.entries_of(" \n ") == []


@given(text=st.text(max_size=60))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    spelling = None
    with contextlib.suppress(InvalidNetwork):
        spelling = networks.canonical_network(text)
    assert spelling is None or networks.canonical_network(spelling) == spelling


@given(subnet=subnets())
def test_a_canonical_spelling_stays_the_same(subnet: ipaddress.IPv4Network) -> None:
    spelling = networks.canonical_network(str(subnet))
    assert networks.canonical_network(spelling) == spelling
    for address in (subnet.network_address, subnet.broadcast_address):
        # In a wider IPv6 network an IPv4-mapped address means the IPv4 address, which is not in it.
        mapped = getattr(address, "ipv4_mapped", None) is not None and subnet.prefixlen < 96
        assert networks.allows(str(address), [spelling]) is not mapped


@given(address=ADDRESSES)
def test_an_empty_list_and_a_list_of_both_families_allow_every_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert allows(str(address), [])
    assert allows(str(address), ["0.0.0.0/0", "::/0"])


@given(address=FOUR, subnet=subnets())
def test_an_ipv4_mapped_address_is_the_ipv4_address(
    address: ipaddress.IPv4Address, subnet: ipaddress.IPv4Network
) -> None:
    assert allows(f"::ffff:{address}", [str(subnet)]) == allows(str(address), [str(subnet)])
    assert allows(f"::ffff:{address}", [f"{address}/32"])


@given(address=FOUR)
def test_ipv6_networks_contain_no_ipv4_address(address: ipaddress.IPv4Address) -> None:
    assert not allows(str(address), ["::/0"])
    assert not allows(f"::ffff:{address}", ["::/0"])


@given(address=SIX)
def test_ipv4_networks_contain_no_ipv6_address(address: ipaddress.IPv6Address) -> None:
    assert allows(str(address), ["0.0.0.0/0"]) == (address.ipv4_mapped is not None)


@pytest.mark.parametrize("nowhere", [None, "", "unix:", "192.0.2", "192.0.2.0/24"])
def test_text_that_is_not_an_address_is_allowed_only_without_limits(nowhere: str | None) -> None:
    assert allows(nowhere, [])
    assert not allows(nowhere, ["0.0.0.0/0", "::/0"])


def test_a_stored_network_that_cannot_be_parsed_allows_no_address() -> None:
    assert not allows("192.0.2.1", ["nonsense"])
    assert allows("192.0.2.1", ["nonsense", "192.0.2.0/24"])


@pytest.mark.parametrize(
    ("before", "after", "narrower"),
    [
        ([], [], False),
        (["192.0.2.0/24"], [], False),
        ([], ["0.0.0.0/0", "::/0"], True),
        (["192.0.2.0/24"], ["192.0.2.0/24", "::1/128"], False),
        (["192.0.2.0/24"], ["192.0.0.0/16"], False),
        (["192.0.2.0/24"], ["192.0.2.0/25", "192.0.2.128/25"], False),
        (["192.0.2.0/24"], ["192.0.2.0/25"], True),
        (["192.0.2.0/24", "::1/128"], ["192.0.2.0/24"], True),
        (["192.0.2.0/24"], ["::/0"], True),
    ],
)
def test_narrows_tells_whether_an_address_is_lost(
    before: list[str], after: list[str], narrower: bool
) -> None:
    assert narrows(before, after) is narrower


@given(before=lists(), after=lists(), address=ADDRESSES)
def test_a_list_that_narrows_nothing_keeps_every_address(
    before: list[str],
    after: list[str],
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    known_before, known_after = (
        networks.canonical_networks(before),
        networks.canonical_networks(after),
    )
    if allows(str(address), known_before) and not allows(str(address), known_after):
        assert narrows(known_before, known_after)
