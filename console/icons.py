"""`{% load lucide %}`: the tag of the lucide package, kept and shortened.

The package takes 72 µs for each icon, and 20 ms to find one for the first time; a list shows three
hundred. What all icons have in common is in the style sheet (`.icon`): it would be 8 kB of a list,
which is more than the page budget has left.
"""

import functools

from django import template
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags import lucide as package

register = template.Library()

IN_THE_STYLE_SHEET = (
    ' fill="none" stroke="currentColor" stroke-width="2"'
    ' stroke-linecap="round" stroke-linejoin="round"'
)


@register.simple_tag
@functools.lru_cache(maxsize=500)
def lucide(name: str, *, size: int = 24, **attributes: str) -> SafeString:
    """An icon of https://lucide.dev with these attributes, `_` in their names for `-`."""
    attributes["class"] = f"icon {attributes.get('class', '')}".strip()
    svg = package.lucide(name, size=size, **attributes).replace(IN_THE_STYLE_SHEET, "")
    return mark_safe("".join(map(str.strip, svg.splitlines())))  # noqa: S308 - of the package
