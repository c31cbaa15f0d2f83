"""Where an action was asked for: from which address and browser, or by which command."""

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from core.networks import canonical_address


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
        return cls(user_agent=f"manage.py {name}")


def client_ip(request: HttpRequest) -> str | None:
    # Each proxy appends the address it saw to X-Forwarded-For. With N trusted proxies, callers can
    # invent everything to the left of the N-th address from the right, but not that one.
    peer: str | None = request.META.get("REMOTE_ADDR") or None
    if not settings.TRUSTED_PROXY_COUNT:
        return _as_is(peer)
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if len(forwarded) < settings.TRUSTED_PROXY_COUNT:
        return _as_is(peer)
    return canonical_address(forwarded[-settings.TRUSTED_PROXY_COUNT]) or _as_is(peer)


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
