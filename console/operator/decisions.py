"""What operators decide about an organization, an app, or a credential: one page for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts import emails
from accounts.access import operator, organization_for
from accounts.actions import organizations
from accounts.actions.invitations import withdraw_invitation
from accounts.forms.submissions import ConfirmForm, errors_on, posted
from accounts.models import Invitation, Organization, User
from accounts.sign_in.step_up import step_up_required
from console.operator.organizations import AdministratorForm, NameForm, ReasonForm
from core.origin import Origin
from credentials.actions import suspensions
from credentials.models import Application, JwtCredential

operator_page = require_http_methods(["GET", "HEAD", "POST"])
# The values of the form, the operator and the origin, to a sentence about what was done.
Act = Callable[[dict[str, Any], User, Origin], str]


@dataclass(frozen=True)
class OperatorDecision:
    organization: Organization
    title: str
    button: str
    consequences: tuple[str, ...] = ()
    is_danger: bool = False

    @property
    def back_url(self) -> str:
        return reverse("operator_organization", args=[self.organization.pk])


def _decide(
    request: HttpRequest, form: forms.Form, decision: OperatorDecision, act: Act
) -> HttpResponse:
    actor = operator(request.user)
    if form.is_valid():
        with errors_on(form):
            messages.success(request, act(form.cleaned_data, actor, Origin.of(request)))
            return redirect(decision.back_url)
    context = {"form": form, "decision": decision, "organization": decision.organization}
    return render(request, "console/operator/decision.html", context)


@operator_page
@step_up_required
def operator_rename_organization(request: HttpRequest, organization_id: object) -> HttpResponse:
    organization = organization_for(request.user, organization_id)
    form = NameForm(posted(request), initial={"name": organization.name})

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        renamed = organizations.rename_organization(
            organization, values["name"], actor=actor, origin=origin
        )
        return f"The organization is now called {renamed}."

    return _decide(
        request, form, OperatorDecision(organization, f"Rename {organization}", "Rename"), act
    )


@operator_page
@step_up_required
def operator_suspend_organization(request: HttpRequest, organization_id: object) -> HttpResponse:
    organization = organization_for(request.user, organization_id)

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        organizations.suspend_organization(
            organization, reason=values["reason"], actor=actor, origin=origin
        )
        return f"You suspended {organization}. Its next request will be refused."

    consequences = (
        "Its people won’t be able to use the console.",
        "Its apps and JWT credentials won’t be able to get access tokens.",
        "Access tokens will stop working on the next call.",
        "We’ll email its account administrators. You can resume it later, and nothing is deleted.",
    )
    decision = OperatorDecision(
        organization, f"Suspend {organization}?", "Suspend organization", consequences, True
    )
    return _decide(request, ReasonForm(posted(request)), decision, act)


@operator_page
@step_up_required
def operator_resume_organization(request: HttpRequest, organization_id: object) -> HttpResponse:
    organization = organization_for(request.user, organization_id)

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        organizations.resume_organization(organization, actor=actor, origin=origin)
        return f"{organization} works again."

    consequences = (
        "Its people, apps, and credentials will work as before, and so will access tokens that "
        "haven’t expired.",
        "We’ll email its account administrators.",
    )
    decision = OperatorDecision(organization, f"Resume {organization}?", "Resume", consequences)
    return _decide(request, ConfirmForm(posted(request)), decision, act)


@operator_page
@step_up_required
def operator_invite_administrator(request: HttpRequest, organization_id: object) -> HttpResponse:
    organization = organization_for(request.user, organization_id)
    form = AdministratorForm(posted(request), initial={"email": request.GET.get("email", "")})

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        invitation, raw_token = organizations.invite_administrator(
            organization, values["email"], actor=actor, origin=origin
        )
        if emails.invitation(invitation, raw_token):
            return f"We emailed {invitation.email} a link that works once."
        return f"We couldn’t email {invitation.email}. Try again later."

    consequences = (
        "They get a link that works once and expires after seven days.",
        "If they already have an open invitation, its link stops working.",
    )
    title = "Invite an account administrator"
    return _decide(
        request, form, OperatorDecision(organization, title, "Send link", consequences), act
    )


@operator_page
@step_up_required
def operator_withdraw_invitation(request: HttpRequest, invitation_id: object) -> HttpResponse:
    operator(request.user)
    invitation = get_object_or_404(
        Invitation.objects.select_related("organization"), pk=invitation_id, is_account_admin=True
    )

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        withdraw_invitation(invitation, actor=actor, origin=origin)
        return f"You withdrew the invitation to {invitation.email}."

    title = f"Withdraw the invitation to {invitation.email}?"
    consequences = ("Its link will stop working.",)
    decision = OperatorDecision(invitation.organization, title, "Withdraw", consequences, True)
    return _decide(request, ConfirmForm(posted(request)), decision, act)


def _application(request: HttpRequest, application_id: object) -> Application:
    operator(request.user)
    found = Application.objects.select_related("organization", "owner")
    return get_object_or_404(found, pk=application_id)


@operator_page
@step_up_required
def operator_suspend_application(request: HttpRequest, application_id: object) -> HttpResponse:
    application = _application(request, application_id)

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        suspensions.suspend_application(
            application, reason=values["reason"], actor=actor, origin=origin
        )
        return f"You suspended {application}. Its next request will be refused."

    consequences = (
        "Its client IDs won’t be able to get access tokens, in both environments.",
        "Its access tokens will stop working on the next call.",
        f"We’ll email {application.owner.name}, who can’t resume it. Only operators can.",
    )
    title = f"Suspend {application}?"
    decision = OperatorDecision(application.organization, title, "Suspend app", consequences, True)
    return _decide(request, ReasonForm(posted(request)), decision, act)


@operator_page
@step_up_required
def operator_resume_application(request: HttpRequest, application_id: object) -> HttpResponse:
    application = _application(request, application_id)

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        suspensions.resume_application(application, actor=actor, origin=origin)
        return f"{application} works again."

    consequences = (
        "Its client IDs will work as before, unless its owner suspended them.",
        f"We’ll email {application.owner.name}.",
    )
    decision = OperatorDecision(
        application.organization, f"Resume {application}?", "Resume app", consequences
    )
    return _decide(request, ConfirmForm(posted(request)), decision, act)


@operator_page
@step_up_required
def operator_revoke_credential(request: HttpRequest, credential_id: object) -> HttpResponse:
    operator(request.user)
    credential = get_object_or_404(
        JwtCredential.objects.select_related("organization", "extension__user"), pk=credential_id
    )

    def act(values: dict[str, Any], actor: User, origin: Origin) -> str:
        suspensions.revoke_for_operator(
            credential, reason=values["reason"], actor=actor, origin=origin
        )
        return f"You revoked {credential}. Its next request will be refused."

    consequences = (
        "Every attempt to exchange it will fail with JWT-102. You can’t undo this.",
        "Access tokens issued for it will stop working on the next call.",
        f"We’ll email its owner, {credential.extension.user.name}.",
    )
    title = f"Revoke {credential}?"
    decision = OperatorDecision(credential.organization, title, "Revoke", consequences, True)
    return _decide(request, ReasonForm(posted(request)), decision, act)
