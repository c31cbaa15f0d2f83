"""Keeps people at the setup of a second factor until they have the one that they need."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from accounts import second_factor
from accounts.access import membership_of
from accounts.models import User
from console.middleware import Middleware

SETUP = "mfa_index"


class SecondFactorMiddleware(Middleware):
    """Redirects from the console to the setup. The sign-in pages and both APIs are not affected."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *arguments: Any
    ) -> HttpResponse | None:
        # A host that serves only environments (`urlconf`) has no console.
        in_console = f"{request.path}/".startswith("/console/") and not hasattr(request, "urlconf")
        match = request.resolver_match
        at_setup = match is not None and match.view_name == SETUP
        if not (in_console or at_setup):
            return None
        user = request.user
        missing = isinstance(user, User) and second_factor.is_missing(user, membership_of(user))
        request.second_factor_missing = missing  # type: ignore[attr-defined]
        if not (missing and in_console):
            return None
        setup = reverse(SETUP)
        # htmx would insert the answer to a redirect into the page that it came from.
        fragment = "HX-Request" in request.headers
        return HttpResponseClientRedirect(setup) if fragment else redirect(setup)
