"""The API reference: a page for each API of the platform, and one for each operation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member
from accounts.forms.submissions import posted
from accounts.platform import built_in
from accounts.platform.catalog import Api, Operation
from accounts.roles import ConsolePermission
from console.reference.apis import (
    api_or_404,
    described_apis,
    operation_or_404,
    scope_alternatives,
    servers_of,
)
from console.reference.operations import OperationListForm
from console.reference.rest_api import bodies
from console.reference.try_it import submitted, try_it_of
from core.origin import Origin

_VIEW = ConsolePermission.CONSOLE_USE


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    member(request.user, _VIEW)
    apis = list(described_apis().values())
    if len(apis) == 1:
        return redirect("reference_api", apis[0].id)
    return render(request, "console/reference/apis.html", {"apis": apis})


@require_safe
def api_reference(request: HttpRequest, api_id: str) -> HttpResponse:
    member(request.user, _VIEW)
    api = api_or_404(api_id)
    context = {
        "api": api,
        "apis": described_apis(),
        "is_built_in": api.id == built_in.API_ID,
        "servers": servers_of(api),
        "form": OperationListForm(request.GET, api=api),
    }
    return render(request, "console/reference/api.html", context)


@sensitive_post_parameters("client_secret")
@require_http_methods(["GET", "HEAD", "POST"])
def operation_reference(request: HttpRequest, api_id: str, operation_id: str) -> HttpResponse:
    """What one operation needs; a POST is *Try it*."""
    is_tried = request.method == "POST"
    needed = ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN if is_tried else _VIEW
    viewer = member(request.user, needed)
    api = api_or_404(api_id)
    operation = operation_or_404(api, operation_id)
    try_it = try_it_of(viewer, api, operation, posted(request))
    if try_it and is_tried:
        try_it = submitted(try_it, viewer, api, operation, Origin.of(request))
    context = {"api": api, "apis": described_apis(), "operation": operation, "try_it": try_it}
    return render(request, "console/reference/operation.html", context | _needs(api, operation))


def _needs(api: Api, operation: Operation) -> dict[str, Any]:
    platform = settings.PLATFORM
    roles = [role for role in platform.roles.values() if role.covers_own(operation.permission)]
    return {
        "servers": servers_of(api),
        "scopes": scope_alternatives(operation),
        "permission": platform.permissions.get(operation.permission),
        "roles": roles,
        "bodies": bodies().get(operation.id) if api.id == built_in.API_ID else None,
    }
