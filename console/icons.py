"""`{% load lucide %}`: the icons of the lucide package, drawn once per process.

A long list shows hundreds, and the package parses and writes each anew, and opens its archive for
every other icon. What all of them have in common is in the style sheet (`.icon`).
"""

import functools
import io
import re
from importlib import resources
from xml.etree import ElementTree
from zipfile import ZipFile

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
    svg = ElementTree.fromstring(_archive().read(f"{name}.svg"))  # noqa: S314 - of the package
    for node in svg.iter():
        # Without its namespace, which would be written as a prefix.
        node.tag = node.tag.rpartition("}")[2]
    given = {name.replace("_", "-"): value for name, value in attributes}
    given["class"] = f"icon {given.pop('class', '')}".strip()
    if size is not None:
        given["width"] = given["height"] = str(size)
    for attribute, value in given.items():
        svg.set(attribute, value)
    head, _, rest = ElementTree.tostring(svg, encoding="unicode").partition(">")
    rest = re.sub(r"\s*\n\s*", "", rest).replace(" />", "/>")
    return mark_safe(f"{_IN_THE_STYLE_SHEET.sub('', head)}>{rest}")  # noqa: S308 - of the package


@functools.cache
def _archive() -> ZipFile:
    """All icons. Opening it, and reading its directory of 1,700, costs more than drawing one."""
    return ZipFile(io.BytesIO(resources.files("lucide").joinpath("lucide.zip").read_bytes()))
