"""Organization → Policies: what the organization requires of credentials and of people."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member
from accounts.actions.organizations import require_second_factor
from accounts.environments import Environment
from accounts.forms.submissions import errors_on, posted, refill
from accounts.models import AuditEvent, AuditKind, Membership
from accounts.roles import ConsolePermission
from accounts.second_factor import SECOND_FACTOR_ROLES, coverage, has_second_factor
from accounts.sign_in.interruptions import entries_for, keeps_entries
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials.actions.policies import ConfirmationNeededError, update_policy
from credentials.forms.policies import PolicyForm, SecondFactorForm
from credentials.models import Policy
from credentials.policy_rules import RULES, PolicyRule, requirements

HISTORY_LENGTH = 50


@require_safe
def policies(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.POLICY_VIEW)
    organization = viewer.organization
    required = organization.mfa_required_roles
    found = coverage(organization)
    by_environment = Policy.objects.by_environment(organization.pk)
    events = AuditEvent.objects.filter(organization=organization, kind=AuditKind.POLICY_UPDATED)
    context = {
        "environments": list(by_environment),
        "rules": [(rule, _settings(rule, by_environment)) for rule in RULES],
        "second_factor": [
            (label, role in required, found[role]) for role, label in SECOND_FACTOR_ROLES.items()
        ],
        "may_manage": viewer.may(ConsolePermission.POLICY_MANAGE),
        "events": events.order_by("-at", "-id")[:HISTORY_LENGTH],
    }
    return render(request, "credentials/policies/policies.html", context)


def _settings(
    rule: PolicyRule, by_environment: dict[Environment, Policy]
) -> list[tuple[Environment, str]]:
    return [(environment, rule.setting(policy)) for environment, policy in by_environment.items()]


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def policy(request: HttpRequest, environment: Environment) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.POLICY_MANAGE)
    current = Policy.objects.governing(viewer.organization_id, environment)
    form = PolicyForm(posted(request), initial=PolicyForm.values_of(current))
    refill(form, entries_for(request))
    context: dict[str, Any] = {"environment": environment, "form": form}
    # *Keep editing* on the confirmation page brings the entries back into the form.
    if "edit" not in request.POST and form.is_valid():
        try:
            with errors_on(form):
                _save(request, viewer, environment, form)
                messages.success(request, f"We saved the {environment.label.lower()} policy.")
                return redirect("organization:policies")
        except ConfirmationNeededError as needed:
            context["consequences"] = needed.consequences
            context["requirements"] = requirements(needed.policy)
            return render(request, "credentials/policies/confirm.html", context)
    return render(request, "credentials/policies/policy.html", context)


def _save(
    request: HttpRequest, viewer: Membership, environment: Environment, form: PolicyForm
) -> None:
    update_policy(
        viewer.organization,
        environment,
        form.cleaned_data,
        confirmed=form.cleaned_data["confirmed"],
        actor=viewer.user,
        origin=Origin.of(request),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def second_factor(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.POLICY_MANAGE)
    form = SecondFactorForm(
        posted(request),
        initial={"roles": viewer.organization.mfa_required_roles},
        coverage=coverage(viewer.organization),
    )
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            require_second_factor(
                viewer.organization,
                roles=form.cleaned_data["roles"],
                actor=viewer.user,
                origin=Origin.of(request),
            )
            messages.success(request, "We saved the roles that need a second factor.")
            return redirect("organization:policies")
    context = {"form": form, "has_second_factor": has_second_factor(viewer.user)}
    return render(request, "credentials/policies/second_factor.html", context)
