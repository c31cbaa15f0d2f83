"""`{% load lucide %}`: the icons of the lucide package, drawn once per process.

A long list shows hundreds, and the package parses and writes each anew. What all of them have in
common is in the style sheet (`.icon`) instead of in each.
"""

import functools
import re

import lucide as icons
from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_IN_THE_STYLE_SHEET = re.compile(
    r' (?:fill="none"|stroke="currentColor"|stroke-width="2"|stroke-line(?:cap|join)="round")'
)


@register.simple_tag
def lucide(name: str, *, size: int | None = 24, **attributes: object) -> SafeString:
    """An icon of https://lucide.dev with these attributes, `_` in their names for `-`."""
    # Plain strings: the writer of attributes would escape a SafeString wrongly.
    plain = {name: str(value) + "" for name, value in attributes.items()}
    return _drawn(str(name), size, tuple(plain.items()))


@functools.lru_cache(maxsize=500)
def _drawn(name: str, size: int | None, attributes: tuple[tuple[str, str], ...]) -> SafeString:
    given = dict(attributes)
    given["class"] = f"icon {given.pop('class', '')}".strip()
    drawn = icons._render_icon(name, size, **given)
    head, _, rest = drawn.partition(">")
    rest = re.sub(r"\s*\n\s*", "", rest).replace(" />", "/>")
    return mark_safe(f"{_IN_THE_STYLE_SHEET.sub('', head)}>{rest}")  # noqa: S308 - of the package
