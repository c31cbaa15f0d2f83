"""Organization: the list of developers, and one developer's profile beside their credentials."""

from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import colleague, member
from accounts.models import Extension, Membership
from accounts.roles import ROLE_PERMISSIONS, ConsolePermission, ConsoleRole
from credentials.models import Application

PAGE_SIZE = 50


@require_safe
def developers(request: HttpRequest) -> HttpResponse:
    """Everyone of the organization, by e-mail; keyset pages of 50."""
    viewer = member(request.user, ConsolePermission.ORGANIZATION_VIEW)
    # No name holds a NUL, and PostgreSQL refuses to look for one.
    query, after = (
        request.GET.get(name, "").replace("\x00", " ").strip() for name in ("q", "after")
    )
    people = Membership.objects.filter(
        organization=viewer.organization, user__email__gt=after
    ).select_related("user")
    if query:
        people = people.filter(
            Q(user__email__icontains=query)
            | Q(user__first_name__icontains=query)
            | Q(user__last_name__icontains=query)
        )
    active = Q(
        user__extensions__jwt_credentials__revoked_at__isnull=True,
        user__extensions__jwt_credentials__expires_at__gt=timezone.now(),
    )
    page = list(
        people.annotate(
            active_credentials=Count("user__extensions__jwt_credentials", filter=active)
        ).order_by("user__email")[: PAGE_SIZE + 1]
    )
    more = len(page) > PAGE_SIZE
    page = page[:PAGE_SIZE]
    context = {
        "people": page,
        "query": query,
        "is_later_page": bool(after),
        "next_after": page[-1].user.email if more else "",
    }
    return render(request, "credentials/developers/developers.html", context)


@require_safe
def developer(request: HttpRequest, user_id: UUID) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    person = colleague(viewer, user_id)
    member(request.user, ConsolePermission.ORGANIZATION_VIEW)
    context = {
        "person": person,
        "extensions": Extension.objects.filter(user=person.user)
        .select_related("account")
        .order_by("-account__environment"),
        "applications": Application.objects.filter(owner=person.user).order_by("name"),
        "role_permissions": sorted(ROLE_PERMISSIONS[ConsoleRole(person.role)]),
    }
    return render(request, "credentials/developers/developer.html", context)
