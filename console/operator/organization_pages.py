"""The organizations of the installation, for operators."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import operator, organization_for
from console.operator.organizations import (
    OrganizationListForm,
    apps_of,
    credential_with,
    use_of,
)

ADMINISTRATORS_SHOWN = 20


@require_safe
def operator_organizations(request: HttpRequest) -> HttpResponse:
    operator(request.user)
    form = OrganizationListForm(request.GET)
    context = {
        "form": form,
        "page": form.page(form.wanted, whole=form.everyone),
        "credential": credential_with(form.value_of("q")),
    }
    return render(request, "console/operator/organizations.html", context)


@require_safe
def operator_organization(request: HttpRequest, organization_id: object) -> HttpResponse:
    organization = organization_for(request.user, organization_id)
    admins = organization.memberships.filter(is_account_admin=True).select_related("user")
    invitations = organization.invitations.unsettled().filter(is_account_admin=True)
    context = {
        "organization": organization,
        "use": use_of(organization),
        "administrators": admins.order_by("user__email")[:ADMINISTRATORS_SHOWN],
        "invitations": invitations.order_by("-created_at")[:ADMINISTRATORS_SHOWN],
        "apps": apps_of(organization),
    }
    return render(request, "console/operator/organization.html", context)
