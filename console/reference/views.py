"""The API reference: a page for each API of the platform, and one for each operation."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.platform import built_in
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


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    member(request.user, ConsolePermission.CONSOLE_USE)
    apis = list(described_apis().values())
    if len(apis) == 1:
        return redirect("reference_api", apis[0].id)
    return render(request, "console/reference/apis.html", {"apis": apis})


@require_safe
def api_reference(request: HttpRequest, api_id: str) -> HttpResponse:
    member(request.user, ConsolePermission.CONSOLE_USE)
    api = api_or_404(api_id)
    context = {
        "api": api,
        "apis": described_apis(),
        "is_built_in": api.id == built_in.API_ID,
        "servers": servers_of(api),
        "form": OperationListForm(request.GET, api=api),
    }
    return render(request, "console/reference/api.html", context)


@require_safe
def operation_reference(request: HttpRequest, api_id: str, operation_id: str) -> HttpResponse:
    member(request.user, ConsolePermission.CONSOLE_USE)
    api = api_or_404(api_id)
    operation = operation_or_404(api, operation_id)
    platform = settings.PLATFORM
    context = {
        "api": api,
        "apis": described_apis(),
        "operation": operation,
        "servers": servers_of(api),
        "scopes": scope_alternatives(operation),
        "permission": platform.permissions.get(operation.permission),
        "roles": [r for r in platform.roles.values() if r.covers_own(operation.permission)],
        "bodies": bodies().get(operation.id) if api.id == built_in.API_ID else None,
    }
    return render(request, "console/reference/operation.html", context)
