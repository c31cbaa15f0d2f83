"""Organization → Developers, and one developer's profile."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import colleague, member
from accounts.models import Extension
from accounts.roles import ROLE_PERMISSIONS, ConsolePermission, ConsoleRole
from credentials.forms.developers import DeveloperListForm
from credentials.models import Application
from credentials.reports.developer_list import (
    developer_rows,
    matching_developers,
    organization_people,
)


@require_safe
def developers(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.ORGANIZATION_VIEW)
    form = DeveloperListForm(request.GET)
    everyone = organization_people(viewer.organization)
    page = form.page(matching_developers(everyone, form.wanted), whole=everyone)
    context = {"people": developer_rows(page.rows), "form": form, "page": page}
    return render(request, "credentials/developers/developers.html", context)


@require_safe
def developer(request: HttpRequest, user_id: UUID) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    person = colleague(viewer, user_id)
    member(request.user, ConsolePermission.ORGANIZATION_VIEW)
    context = {
        "person": person,
        "described": developer_rows([person])[0],
        "extensions": Extension.objects.filter(user=person.user)
        .select_related("account")
        .order_by("-account__environment"),
        "applications": Application.objects.filter(owner=person.user).order_by("name"),
        "role_permissions": sorted(ROLE_PERMISSIONS[ConsoleRole(person.role)]),
    }
    return render(request, "credentials/developers/developer.html", context)
