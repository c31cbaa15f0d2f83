"""Collects what browsers report about violations of the Content Security Policy.

A report can mean an attack that the policy stopped, a mistake of ours, or an extension of the
browser. Anyone can send one, so we log only what can't carry a secret or forge a line.
"""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.one_time_links import path_without_secret
from core.origin import client_ip, network_of
from credentials.throttle import LimitGroup, RateLimited, meter_of

ADDRESS = "csp-reports"
# Reports of browsers have a few hundred bytes.
MAX_REPORT = 16 * 1024

_DIRECTIVE = re.compile(r"[a-z-]{3,40}")
# What is in the place of a URL, such as `inline` and `eval`, or is the beginning of one.
_KEYWORD = re.compile(r"[a-z-]{2,40}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,120}")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,150}")

logger = structlog.get_logger(__name__)


# Browsers send reports by themselves, without a token of the page.
@csrf_exempt
@login_not_required
@require_POST
def csp_reports(request: HttpRequest) -> HttpResponse:
    meter = meter_of(request)
    try:
        meter.count(LimitGroup.AUTH, ADDRESS, network_of(client_ip(request)))
    except RateLimited:
        return meter.mark(HttpResponse(status=429))
    if (violation := violation_in(request.body)) is not None:
        logger.warning("csp_violation", **violation)
    return HttpResponse(status=204)


def violation_in(body: bytes) -> dict[str, str] | None:
    """The directive, what it blocked, and the page; None for anything but a report about a page."""
    try:
        report = json.loads(body)["csp-report"] if len(body) <= MAX_REPORT else {}
        directive = _text(report, "effective-directive") or _text(report, "violated-directive")
        page = urlsplit(_text(report, "document-uri"))
        blocked = _origin(_text(report, "blocked-uri"))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    directive, _, _sources = directive.partition(" ")
    is_ours = f"{page.scheme}://{page.netloc}" == settings.ORIGIN
    if not is_ours or _DIRECTIVE.fullmatch(directive) is None:
        return None
    path = path_without_secret(page.path)
    return {
        "directive": directive,
        "blocked": blocked,
        "page": path if _PATH.fullmatch(path) else "unknown",
    }


def _text(report: Any, name: str) -> str:
    value = report.get(name, "") if isinstance(report, dict) else ""
    return value if isinstance(value, str) else ""


def _origin(blocked: str) -> str:
    """The keyword, or the scheme and host of a URL, whose path can be secret."""
    parts = urlsplit(blocked)
    if _HOST.fullmatch(parts.netloc) and _KEYWORD.fullmatch(parts.scheme):
        return f"{parts.scheme}://{parts.netloc}"
    keyword = parts.scheme or blocked
    return keyword if _KEYWORD.fullmatch(keyword) else "unknown"
