"""Middleware that holds people at the set-up of a second factor until they have one."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from accounts import second_factor
from accounts.access import membership_of

SETUP = "mfa_index"


class SecondFactorMiddleware:
    """Leads whoever lacks a second factor that the organization demands to where one is set up.

    Nothing else of the console answers until then. The sign-in pages and both APIs do.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *arguments: Any
    ) -> HttpResponse | None:
        # A host that an environment has to itself (`urlconf`) has no console.
        in_console = f"{request.path}/".startswith("/console/") and not hasattr(request, "urlconf")
        match = request.resolver_match
        at_setup = match is not None and match.view_name == SETUP
        if not (in_console or at_setup):
            return None
        membership = membership_of(request.user)
        missing = membership is not None and second_factor.is_missing(membership)
        request.second_factor_missing = missing  # type: ignore[attr-defined]
        if not (missing and in_console):
            return None
        setup = reverse(SETUP)
        # A fragment that htmx asked for would be swapped into the page it left.
        fragment = "HX-Request" in request.headers
        return HttpResponseClientRedirect(setup) if fragment else redirect(setup)
