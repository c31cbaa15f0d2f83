"""Where an action was asked for: from which address and browser, or by which command."""

import ipaddress
import re
from dataclasses import dataclass

import structlog
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
    def of_program(cls, address: str | None) -> "Origin":
        """Of the request to an API that is answered now."""
        known = structlog.contextvars.get_contextvars()
        return cls(ip=address or known.get("ip"), request_id=known.get("request_id", ""))

    @classmethod
    def command(cls, name: str) -> "Origin":
        return cls(user_agent=f"manage.py {name}")


def client_ip(request: HttpRequest) -> str | None:
    """The canonical address of the caller: the peer, unless that is a trusted proxy."""
    # The log, the rate limits and the checks of one request all ask.
    kept = request.__dict__
    if "client_ip" not in kept:
        kept["client_ip"] = _client_ip(request)
    address: str | None = kept["client_ip"]
    return address


def _client_ip(request: HttpRequest) -> str | None:
    peer = _as_is(request.META.get("REMOTE_ADDR") or None)
    if settings.TRUSTED_PROXIES:
        # A Unix socket has no address. Only local programs with the right permissions connect to
        # it, so it counts as a trusted proxy.
        direct = [] if peer is None else [peer]
        return _beyond_proxies(peer, [*direct, *reversed(_forwarded(request))])
    if count := settings.TRUSTED_PROXY_COUNT:
        # Each proxy appends the address it saw to X-Forwarded-For. With N proxies, callers can
        # invent everything to the left of the N-th address from the right, but not that one.
        forwarded = _forwarded(request)
        return (forwarded[-count] if len(forwarded) >= count else None) or peer
    return peer


def trust_peer(request: HttpRequest) -> None:
    """Trust the peer as a proxy in this request, because it has authenticated."""
    if not _is_behind_proxy(request):
        peer = _as_is(request.META.get("REMOTE_ADDR") or None)
        request.__dict__["client_ip"] = _beyond_proxies(peer, [*reversed(_forwarded(request))])


def address_named_by_peer(request: HttpRequest) -> str | None:
    """The address of the caller that a peer asks about, which has authenticated.

    None if the peer doesn't send an address, and behind a trusted proxy, where the address may be
    the peer's own.
    """
    if _is_behind_proxy(request):
        return None
    return _beyond_proxies(None, [*reversed(_forwarded(request))])


def _is_behind_proxy(request: HttpRequest) -> bool:
    # Behind a proxy, the last address that isn't a proxy's can be the gateway's or the caller's. If
    # it is the caller's, the one before it can be invented.
    peer = _as_is(request.META.get("REMOTE_ADDR") or None)
    return _is_trusted(peer) if settings.TRUSTED_PROXIES else bool(settings.TRUSTED_PROXY_COUNT)


def _beyond_proxies(caller: str | None, addresses: list[str | None]) -> str | None:
    # The first address that isn't a proxy's, beginning with the one closest to us. Only what a
    # proxy wrote counts, so callers can invent nothing, no matter how many proxies there are.
    for address in addresses:
        if address is None:
            # A proxy wrote something else, so that proxy is the last one we know of.
            break
        caller = address
        if not _is_trusted(address):
            break
    return caller


def _is_trusted(address: str | None) -> bool:
    # A Unix socket has no address, and counts as trusted. Without a list, no one is.
    networks = settings.TRUSTED_PROXIES
    return bool(networks) and (address is None or allows(address, networks))


def _forwarded(request: HttpRequest) -> list[str | None]:
    """The entries of X-Forwarded-For; None for an entry that isn't an address."""
    # `request.headers` would parse all headers first.
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return [_address_of(entry) for entry in entries.split(",")] if entries else []


def _address_of(entry: str) -> str | None:
    # Some gateways append the port: 203.0.113.9:54321 or [2001:db8::1]:54321.
    match = _WITH_PORT.fullmatch(entry.strip())
    return canonical_address(match["v6"] or match["v4"] if match else entry.strip())


def _as_is(peer: str | None) -> str | None:
    # A Unix socket has no address. Of addresses, only IPv6 ones have more than one spelling.
    return (canonical_address(peer) or peer) if peer and ":" in peer else peer


def network_of(address: str | None) -> str:
    """The network whose requests are counted together; empty if this isn't an address.

    That is the IPv4 address itself, or the /64 that one customer has of IPv6.
    """
    canonical = canonical_address(address or "")
    if canonical is None or ":" not in canonical:
        return canonical or ""
    return str(ipaddress.ip_network(f"{canonical}/64", strict=False))
