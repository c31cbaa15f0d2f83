"""From where an intention came. Passed to actions, so that commands can act too. Pure."""

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Origin:
    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Origin":
        return cls(
            ip=client_ip(request),
            user_agent=request.headers.get("User-Agent", "")[:200],
            request_id=getattr(request, "request_id", ""),
        )

    @classmethod
    def command(cls, name: str) -> "Origin":
        """The origin of what an operator does with `manage.py name`."""
        return cls(user_agent=f"manage.py {name}")


def client_ip(request: HttpRequest) -> str | None:
    """The address of the peer, or what the trusted proxies in front of us say it was.

    Each proxy appends the address it saw to X-Forwarded-For, so with N trusted proxies the N-th
    from the right is the last one that nobody outside could have invented.
    """
    peer: str | None = request.META.get("REMOTE_ADDR") or None
    if not settings.TRUSTED_PROXY_COUNT:
        return _as_is(peer)
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if len(forwarded) < settings.TRUSTED_PROXY_COUNT:
        return _as_is(peer)
    return _address_or_none(forwarded[-settings.TRUSTED_PROXY_COUNT]) or _as_is(peer)


def _as_is(peer: str | None) -> str | None:
    """What the server says, be it no address; only IPv6 has a second spelling."""
    return (_address_or_none(peer) or peer) if peer and ":" in peer else peer


def _address_or_none(text: str) -> str | None:
    """An address in its one spelling, without the zone that only this machine knows."""
    address = _parsed(text)
    return None if address is None else str(address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # As IPv6 sockets show IPv4 peers (RFC 4291 §2.5.5.2).
        return address.ipv4_mapped or address
    return address


def network_of(address: str | None) -> str:
    """Whom to count an address as: itself, or of IPv6 the /64 that one customer has.

    Empty for what is no address.
    """
    parsed = _parsed(address or "")
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return "" if parsed is None else str(parsed)
