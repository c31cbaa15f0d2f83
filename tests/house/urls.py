"""Every URL of the console, with an address that a test can request."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# One value for each kind of path argument; tests that need real objects give their own.
SAMPLES: dict[str, object] = {
    "account_id": "~",
    "api_id": "rest-api",
    "application_id": "11111111-1111-4111-8111-111111111111",
    "credential_id": "22222222-2222-4222-8222-222222222222",
    "environment": "sandbox",
    "extension_id": 1,
    "file": "examples/middleware/flask_middleware.py",
    "image": "usage.png",
    "invitation_id": "44444444-4444-4444-8444-444444444444",
    "key": "key",
    "kid": "kid",
    "notice_id": 1,
    "operation_id": "get-account",
    "organization_id": "77777777-7777-4777-8777-777777777777",
    "pk": 1,
    "page": "how-to/rotate",
    "purpose": "access-token",
    "session_id": 1,
    "request_id": "55555555-5555-4555-8555-555555555555",
    "token": "token",
    "token_session_id": "66666666-6666-4666-8666-666666666666",
    "uidb36": "uidb36",
    "user_id": "33333333-3333-4333-8333-333333333333",
}


@dataclass(frozen=True)
class Url:
    name: str
    """With its namespaces, as `reverse` takes it."""
    callback: Callable[..., Any] = field(repr=False)
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def is_public(self) -> bool:
        """What LoginRequiredMiddleware asks."""
        return not getattr(self.callback, "login_required", True)

    @property
    def is_ours(self) -> bool:
        module = self.callback.__module__.partition(".")[0]
        return module in {"accounts", "credentials", "console"} or self.name in OURS_BY_DJANGO

    def path(self, values: Mapping[str, object] | None = None) -> str:
        known = SAMPLES | dict(values or {})
        return reverse(self.name, kwargs={name: known[name] for name in self.arguments})


# Our URLs whose view is one of Django's.
OURS_BY_DJANGO = {"home", "console_without_slash"}


def every_url() -> list[Url]:
    urls = {url.name: url for url in _walk(get_resolver().url_patterns, (), ())}
    return [urls[name] for name in sorted(urls)]


def _walk(
    patterns: Iterable[URLPattern | URLResolver],
    namespaces: tuple[str, ...],
    outer: tuple[str, ...],
) -> Iterator[Url]:
    for pattern in patterns:
        arguments = outer + tuple(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            # Arguments that include() presets, like the environment, are not part of the address.
            yield from _walk(pattern.url_patterns, inner, arguments)
        else:
            assert pattern.name, f"{pattern.pattern} has no name."
            yield Url(":".join((*namespaces, pattern.name)), pattern.callback, arguments)
