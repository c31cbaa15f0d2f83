"""The platform's logo and accent color, as files that browsers keep."""

import functools
import hashlib
from dataclasses import dataclass

from django import template
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.platform import shades
from accounts.platform.catalog import Platform
from console.middleware import Middleware

register = template.Library()
PREFIX = "/brand/"
# Someone who opens an SVG file directly must not run scripts in it at our origin.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
_HEADERS = {
    # The name contains the digest of the content.
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class BrandFile:
    name: str
    content_type: str
    content: bytes

    @property
    def path(self) -> str:
        stem, _, suffix = self.name.partition(".")
        return f"{PREFIX}{stem}.{hashlib.sha256(self.content).hexdigest()[:12]}.{suffix}"


class BrandMiddleware(Middleware):
    """Serves the files before anything reads a session, since error pages show them too."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD") and request.path.startswith(PREFIX):
            file = _by_path(settings.PLATFORM).get(request.path)
            if file:
                return HttpResponse(file.content, file.content_type, headers=_HEADERS)
        return self.get_response(request)


@register.simple_tag
def logo_path() -> str:
    """Empty without a logo."""
    return _path_of(_logo(settings.PLATFORM))


@register.simple_tag
def accent_path() -> str:
    """The style sheet with the shades of the accent color; empty without one."""
    return _path_of(_accent(settings.PLATFORM))


@register.simple_tag
def platform_links() -> list[tuple[str, str]]:
    """Labels and addresses."""
    return settings.PLATFORM.links.labeled


def _path_of(file: BrandFile | None) -> str:
    return file.path if file else ""


@functools.lru_cache(maxsize=8)
def _logo(platform: Platform) -> BrandFile | None:
    logo = platform.logo
    return BrandFile(logo.name, logo.content_type, logo.content) if logo else None


@functools.lru_cache(maxsize=8)
def _accent(platform: Platform) -> BrandFile | None:
    if not platform.accent:
        return None
    lines = "".join(
        f"  --{token}: light-dark({light}, {dark});\n"
        for token, (light, dark) in shades.tokens(platform.accent).items()
    )
    css = f":root {{\n{lines}}}\n"
    return BrandFile("accent.css", "text/css; charset=utf-8", css.encode())


@functools.lru_cache(maxsize=8)
def _by_path(platform: Platform) -> dict[str, BrandFile]:
    return {file.path: file for file in (_logo(platform), _accent(platform)) if file}
