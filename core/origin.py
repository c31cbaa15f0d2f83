"""From where an intention came. Passed to actions, so that commands can act too. Pure."""

import ipaddress
import re
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from core.networks import allows, canonical_address

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::[0-9]{1,5})?|(?P<v4>[^:]+):[0-9]{1,5}")


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
    """The caller's address in its one spelling: the peer, unless that is a trusted proxy.

    With `TRUSTED_PROXIES` it is the rightmost address of X-Forwarded-For that is none of them;
    with `TRUSTED_PROXY_COUNT` it is the one that the outermost of so many proxies appended.
    """
    peer: str | None = request.META.get("REMOTE_ADDR") or None
    if settings.TRUSTED_PROXIES:
        return _beyond_proxies(request, peer)
    count = settings.TRUSTED_PROXY_COUNT
    forwarded = _forwarded(request) if count else []
    if not count or len(forwarded) < count:
        return _canonical(peer)
    return forwarded[-count] or _canonical(peer)


def _beyond_proxies(request: HttpRequest, peer: str | None) -> str | None:
    caller = _canonical(peer)
    # The peer of a Unix socket has no address; file permissions decide who may connect to it.
    hops = [caller] if caller else []
    for address in [*hops, *reversed(_forwarded(request))]:
        if address is None:
            # What a trusted proxy wrote is no address, so that proxy is the last known hop.
            break
        caller = address
        if not allows(address, settings.TRUSTED_PROXIES):
            break
    return caller


def _forwarded(request: HttpRequest) -> list[str | None]:
    """The entries of X-Forwarded-For; None for what is no address."""
    entries = request.headers.get("X-Forwarded-For", "").split(",")
    return [] if entries == [""] else [_address_of(entry) for entry in entries]


def _address_of(entry: str) -> str | None:
    # Some gateways append the port: 203.0.113.9:54321 or [2001:db8::1]:54321.
    match = _WITH_PORT.fullmatch(entry.strip())
    return canonical_address(match["v6"] or match["v4"] if match else entry.strip())


def _canonical(peer: str | None) -> str | None:
    """What the server says, be it no address; only IPv6 has a second spelling."""
    return (canonical_address(peer) or peer) if peer and ":" in peer else peer


def network_of(address: str | None) -> str:
    """What to count an address as: itself, or the /64 of IPv6 that one customer has.

    Empty for a text that is no address.
    """
    canonical = canonical_address(address or "") or ""
    if ":" not in canonical:
        return canonical
    return str(ipaddress.ip_network(f"{canonical}/64", strict=False))
