"""Networks in CIDR notation, IPv4 and IPv6, and whether they contain an address."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.core.exceptions import ValidationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_NETWORKS = 50
# IPv6 sockets show IPv4 peers as addresses in this network (RFC 4291 §2.5.5.2).
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class InvalidNetwork(ValidationError):
    """The message says what to enter instead."""


def canonical_network(text: str) -> str:
    """The canonical spelling: `192.0.2.7` is `192.0.2.7/32`. Raises `InvalidNetwork`."""
    if "%" in text:
        raise InvalidNetwork(
            f"“{text[:64]}” names a network interface. Remove the % and everything after it."
        )
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidNetwork(_complaint(text)) from error
    return str(_unmapped(found))


def canonical_networks(entries: Iterable[str]) -> list[str]:
    """Each network once, spelled canonically, in the order entered. Raises `InvalidNetwork`."""
    found = list(dict.fromkeys(canonical_network(entry) for entry in entries))
    if len(found) > MAX_NETWORKS:
        raise InvalidNetwork(f"You can list at most {MAX_NETWORKS} networks.")
    return found


def entries_of(text: str) -> list[str]:
    return [entry for entry in re.split(r"[\s,;]+", text) if entry]


def allows(address: str | None, allowed: Sequence[str]) -> bool:
    """Whether one of the networks contains the address; an empty list allows every address."""
    if not allowed:
        return True
    try:
        caller = _address(address or "")
    except ValueError:
        return False
    return any(caller in known for known in map(_known, allowed) if known is not None)


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str | None:
    """The canonical spelling, without a zone, an IPv4-mapped address as IPv4; None if invalid."""
    try:
        return str(_address(text.partition("%")[0]))
    except ValueError:
        return None


def narrows(before: Sequence[str], after: Sequence[str]) -> bool:
    if not after:
        return False
    if not before:
        return True
    kept = _collapsed(after)
    return any(not any(_inside(old, new) for new in kept) for old in _collapsed(before))


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=4096)
def _known(text: str) -> Network | None:
    # A stored network that can't be parsed allows no address, which is the safe direction.
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _unmapped(found: Network) -> Network:
    # Addresses are compared as IPv4 too, so an IPv4-mapped network becomes the IPv4 network.
    if not isinstance(found, ipaddress.IPv6Network) or not found.subnet_of(_MAPPED):
        return found
    prefix = found.prefixlen - _MAPPED.prefixlen
    first = int(found.network_address) & 0xFFFF_FFFF
    return ipaddress.IPv4Network((first, prefix))


def _complaint(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return (
            f"“{text[:64]}” isn’t an address or a network. Enter one like 192.0.2.0/24 or "
            "2001:db8::/32."
        )
    return f"“{text}” is an address inside a network. For the whole network, enter {meant}."


def _collapsed(texts: Sequence[str]) -> list[Network]:
    # Two halves become the whole network, so splitting a network doesn't count as narrowing.
    found = [known for known in map(_known, texts) if known is not None]
    four = [known for known in found if isinstance(known, ipaddress.IPv4Network)]
    six = [known for known in found if isinstance(known, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]


def _inside(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
