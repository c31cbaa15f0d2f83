"""Addresses of the documentation, which the console serves (console/docs/)."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

ROOT = "/docs"


def docs_path(page: str = "", anchor: str = "") -> str:
    """The address of a page, such as `how-to/rotate`, and of one of its headings."""
    address = f"{ROOT}/{page}" if page else ROOT
    return f"{address}#{anchor}" if anchor else address


def with_docs(text: str, about: str, address: str) -> SafeString:
    """The help text of a field, and a link that says what the page is about."""
    return format_html('{} <a href="{}">{}</a>', text, address, about)
