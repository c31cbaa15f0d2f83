"""Organization → Access: access requests, people, and invitations."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.forms.invitations import InvitationListForm
from accounts.forms.lists import ListPage
from accounts.forms.memberships import PeopleListForm
from accounts.models import Invitation, Membership, Organization
from accounts.roles import ConsolePermission

REQUESTS_AT_ONCE = 10


@require_safe
def access(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.ACCESS_VIEW)
    form = PeopleListForm(request.GET)
    requests = list(
        viewer.organization.access_requests.pending()
        .select_related("user")
        .order_by("created_at")[: REQUESTS_AT_ONCE + 1]
    )
    context = {
        "requests": requests[:REQUESTS_AT_ONCE],
        "more_requests": len(requests) > REQUESTS_AT_ONCE,
        "form": form,
        "people": _people(viewer.organization, form),
        "invitations": _invitations(viewer.organization, request.GET),
    }
    return render(request, "accounts/access/access.html", context)


def _people(organization: Organization, form: PeopleListForm) -> ListPage[Membership]:
    people = organization.memberships.matching(form.value_of("q")).select_related("user")
    if role := form.value_of("role"):
        people = people.filter(role=role)
    return form.page(people, whole=organization.memberships.all())


def _invitations(organization: Organization, data: QueryDict) -> ListPage[Invitation]:
    form = InvitationListForm(data, prefix="invitations")
    invitations = organization.invitations.all()
    return form.page(invitations.select_related("invited_by"), whole=invitations)
