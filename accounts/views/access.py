"""Organization → Access: who asks for access, who has it, and who is invited."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.forms.memberships import PeopleFilterForm
from accounts.models import Invitation, Membership, Organization
from accounts.roles import ConsolePermission
from core.pagination import keyset_page

# Three lists share the page, so each is shorter than a list of its own.
PEOPLE_AT_ONCE = 15
REQUESTS_AT_ONCE = 10
INVITATIONS_AT_ONCE = 10


@require_safe
def access(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.ACCESS_VIEW)
    wanted = _wanted(request)
    search, role = wanted.get("q", ""), wanted.get("role", "")
    people = keyset_page(
        _people(viewer.organization, search, role),
        "email",
        after=wanted.get("after") or None,
        before=wanted.get("before") or None,
        size=PEOPLE_AT_ONCE,
    )
    requests = list(
        viewer.organization.access_requests.pending()
        .select_related("user")
        .order_by("created_at")[: REQUESTS_AT_ONCE + 1]
    )
    invitations = _invitations(viewer.organization, wanted.get("invitations_after"))
    context = {
        "requests": requests[:REQUESTS_AT_ONCE],
        "more_requests": len(requests) > REQUESTS_AT_ONCE,
        "form": PeopleFilterForm(initial={"q": search, "role": role}),
        "is_filtered": bool(search or role),
        "people": people.rows,
        "previous_url": people.before and _url(q=search, role=role, before=people.before),
        "next_url": people.after and _url(q=search, role=role, after=people.after),
        "invitations": invitations[:INVITATIONS_AT_ONCE],
        "older_invitations_url": (
            _url(invitations_after=invitations[INVITATIONS_AT_ONCE - 1].pk) + "#invitations"
            if len(invitations) > INVITATIONS_AT_ONCE
            else ""
        ),
        "newest_invitations_url": (
            _url() + "#invitations" if wanted.get("invitations_after") else ""
        ),
    }
    return render(request, "accounts/access/access.html", context)


def _wanted(request: HttpRequest) -> dict[str, Any]:
    form = PeopleFilterForm(request.GET)
    form.is_valid()
    return form.cleaned_data


def _people(organization: Organization, search: str, role: str) -> QuerySet[Membership]:
    people = organization.memberships.matching(search).select_related("user")
    if role:
        people = people.filter(role=role)
    return people.annotate(email=F("user__email"))


def _invitations(organization: Organization, after: UUID | None) -> list[Invitation]:
    last = organization.invitations.filter(pk=after).first() if after else None
    return list(
        organization.invitations.newest_first(after=last).select_related("invited_by")[
            : INVITATIONS_AT_ONCE + 1
        ]
    )


def _url(**query: object) -> str:
    """This page with these parameters, without the empty ones."""
    filled = {name: value for name, value in query.items() if value not in ("", None)}
    address = reverse("accounts:access")
    return f"{address}?{urlencode(filled)}" if filled else address
