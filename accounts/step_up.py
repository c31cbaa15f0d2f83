"""Prove it is you before a secret moves."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    get_reauthentication_flows,
)
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

P = ParamSpec("P")


def step_up_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Send whoever has not just authenticated to do so, then back to this page with GET.

    Differs from allauth's decorator twice: POST data is not kept in the session until then (a
    form that moves a secret is filled in again), and whoever has no factor at all is refused
    instead of let through.
    """

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not get_reauthentication_flows(request.user):
            raise PermissionDenied
        if did_recently_reauthenticate(request):
            return view(request, *args, **kwargs)
        query = urlencode({REDIRECT_FIELD_NAME: request.path})
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{query}")

    return wrapped
