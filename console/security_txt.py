"""`/.well-known/security.txt` (RFC 9116): where people report a vulnerability of this site."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

PATH = ".well-known/security.txt"
# A copy elsewhere is stale after this time. The file itself never is, because it always says what
# the settings say now, and a date in a setting would pass without anyone noticing.
VALID_FOR = timedelta(days=30)


@login_not_required
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    contacts = published_contacts()
    if not contacts:
        raise Http404
    fields = _fields(contacts, expires=expiry_of(timezone.now()))
    text = "".join(f"{name}: {value}\n" for name, value in fields)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def published_contacts() -> list[str]:
    """Those of the settings. Without any, people ask the support of the platform."""
    support = settings.PLATFORM.links.support
    return settings.SECURITY_CONTACTS or ([support] if support else [])


def expiry_of(at: datetime) -> datetime:
    # The same all day, so that the answers of several servers are alike.
    return datetime.combine((at + VALID_FOR).date(), time(), UTC)


def _fields(contacts: list[str], *, expires: datetime) -> Iterator[tuple[str, str]]:
    yield from (("Contact", contact) for contact in contacts)
    yield "Expires", f"{expires:%Y-%m-%dT%H:%M:%SZ}"
    yield "Preferred-Languages", "en"
    yield from (("Canonical", f"{root}/{PATH}") for root in _roots())


def _roots() -> list[str]:
    """Scheme and host of the console, and of environments with a host of their own."""
    urls = (settings.ORIGIN, settings.SANDBOX_BASE_URL, settings.PRODUCTION_BASE_URL)
    parts = map(urlsplit, urls)
    return list(dict.fromkeys(f"{each.scheme}://{each.netloc}" for each in parts))
