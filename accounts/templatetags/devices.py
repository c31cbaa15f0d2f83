"""The browsers of a person, for the page of the sign-in library that lists the sessions."""

from collections.abc import Iterable

from django import template

from accounts import browsers
from accounts.models import Device, User

register = template.Library()

SHOWN = 20


@register.simple_tag
def known_devices(user: User) -> Iterable[Device]:
    """The browsers in which the person has signed in, the last used first."""
    return user.devices.newest_first()[:SHOWN]


@register.filter
def browser(user_agent: str) -> str:
    """`Firefox on Linux` for a User-Agent header."""
    return browsers.described(user_agent)
