"""Organization → Policies: what the organization demands of credentials, and of people."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member
from accounts.actions.organizations import require_second_factor
from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Membership
from accounts.roles import ConsolePermission, ConsoleRole
from accounts.second_factor import SECOND_FACTOR_ROLES, coverage, has_second_factor
from accounts.step_up import step_up_required
from core.origin import Origin
from credentials.actions import policies as actions
from credentials.forms.policies import PolicyForm, SecondFactorForm
from credentials.models import Policy

HISTORY_LENGTH = 50


@require_safe
def policies(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.POLICY_VIEW)
    organization = viewer.organization
    required = organization.mfa_required_roles
    found = coverage(organization)
    events = AuditEvent.objects.filter(organization=organization, kind=AuditKind.POLICY_UPDATED)
    context = {
        "policies": Policy.objects.by_environment(organization.pk).items(),
        "second_factor": [
            (label, role in required, found[role]) for role, label in SECOND_FACTOR_ROLES.items()
        ],
        "may_manage": viewer.may(ConsolePermission.POLICY_MANAGE),
        "events": events.order_by("-at", "-id")[:HISTORY_LENGTH],
    }
    return render(request, "credentials/policies/policies.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def policy(request: HttpRequest, environment: Environment) -> HttpResponse:
    """Edit the policy of one environment; asks again if it would stop live credentials."""
    viewer = member(request.user, ConsolePermission.POLICY_MANAGE)
    form = _policy_form(request, viewer, environment)
    context = {"environment": environment, "form": form}
    # *Go on editing* on the confirmation page brings what was entered back into the form.
    if request.method == "POST" and "edit" not in request.POST and form.is_valid():
        try:
            _save(request, viewer, environment, form)
        except actions.ConfirmationNeededError as needed:
            context["consequences"] = needed.consequences
            return render(request, "credentials/policies/confirm.html", context)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"The {environment.label.lower()} policy is saved.")
            return redirect("organization:policies")
    return render(request, "credentials/policies/policy.html", context)


def _policy_form(request: HttpRequest, viewer: Membership, environment: Environment) -> PolicyForm:
    if request.method == "POST":
        return PolicyForm(request.POST)
    current = Policy.objects.governing(viewer.organization_id, environment)
    return PolicyForm(initial=PolicyForm.values_of(current))


def _save(
    request: HttpRequest, viewer: Membership, environment: Environment, form: PolicyForm
) -> None:
    values = form.cleaned_data
    actions.update_policy(
        viewer.organization,
        environment,
        max_lifetime_days=values["max_lifetime_days"],
        expiry_required=values["expiry_required"],
        all_apps_allowed=values["all_apps_allowed"],
        creator_role=ConsoleRole(values["creator_role"]),
        allowed_networks=values["allowed_networks"],
        confirmed=values["confirmed"],
        actor=viewer.user,
        origin=Origin.of(request),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Console roles that need a second factor."""
    viewer = member(request.user, ConsolePermission.POLICY_MANAGE)
    form = SecondFactorForm(
        request.POST if request.method == "POST" else None,
        initial={"roles": viewer.organization.mfa_required_roles},
        coverage=coverage(viewer.organization),
    )
    if form.is_valid():
        try:
            require_second_factor(
                viewer.organization,
                roles=form.cleaned_data["roles"],
                actor=viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved who needs a second factor.")
            return redirect("organization:policies")
    context = {"form": form, "has_second_factor": has_second_factor(viewer.user)}
    return render(request, "credentials/policies/second_factor.html", context)
