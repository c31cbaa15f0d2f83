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
        return peer
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if len(forwarded) < settings.TRUSTED_PROXY_COUNT:
        return peer
    return _address_or_none(forwarded[-settings.TRUSTED_PROXY_COUNT]) or peer


def _address_or_none(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
