from uuid import UUID

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import invitation_for, member, membership_of
from accounts.actions import invitations as actions
from accounts.forms.invitations import AcceptInvitationForm, InviteForm
from accounts.models import Invitation, User
from accounts.roles import ROLE_DESCRIPTIONS, ConsolePermission, ConsoleRole
from accounts.step_up import step_up_required
from core.origin import Origin

NOT_SENT = (
    "The mail to %s could not be sent, because the mail server does not answer. "
    "Send the invitation again in a few minutes."
)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def invite(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.ACCESS_MANAGE)
    form = InviteForm(request.POST or None, initial={"role": ConsoleRole.DEVELOPER})
    if request.method == "POST" and form.is_valid():
        try:
            invitation, sent = actions.invite_by_mail(
                viewer.organization,
                form.cleaned_data["email"],
                role=form.chosen_role,
                is_account_admin=form.cleaned_data["is_account_admin"],
                actor=viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _say_whether_sent(request, invitation, sent)
            return redirect("accounts:access")
    return render(request, "accounts/invitations/invite.html", {"form": form})


@require_POST
def resend_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    viewer, invitation = invitation_for(request.user, invitation_id)
    try:
        renewed, sent = actions.resend_invitation(
            invitation, actor=viewer.user, origin=Origin.of(request)
        )
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        _say_whether_sent(request, renewed, sent)
    return redirect("accounts:access")


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    viewer, invitation = invitation_for(request.user, invitation_id)
    if request.method != "POST":
        context = {"invitation": invitation}
        return render(request, "accounts/invitations/withdraw_invitation.html", context)
    try:
        actions.withdraw_invitation(invitation, actor=viewer.user, origin=Origin.of(request))
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("accounts:access")


def _say_whether_sent(request: HttpRequest, invitation: Invitation, sent: bool) -> None:
    if sent:
        messages.success(request, f"The invitation is on its way to {invitation.email}.")
    else:
        messages.error(request, NOT_SENT % invitation.email)


@login_not_required
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link becomes a person of the organization, once."""
    invitation = Invitation.objects.open().with_token(token).select_related("organization").first()
    if invitation is None:
        return _private(render(request, "accounts/invitations/closed.html", status=410))
    if isinstance(request.user, User):
        return _private(_accept_signed_in(request, request.user, invitation))
    form = AcceptInvitationForm(invitation, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = _accept(invitation, form, Origin.of(request))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            return _sign_in(request, user)
    context = {
        "invitation": invitation,
        "role_description": ROLE_DESCRIPTIONS[ConsoleRole(invitation.role)],
        "form": form,
    }
    return _private(render(request, "accounts/invitations/accept_invitation.html", context))


def _accept_signed_in(request: HttpRequest, user: User, invitation: Invitation) -> HttpResponse:
    """A person of the organization takes the role; anyone else is asked to log out first."""
    membership = membership_of(user)
    is_for_user = (
        membership is not None
        and membership.organization_id == invitation.organization_id
        and user.email.lower() == invitation.email.lower()
    )
    context = {
        "invitation": invitation,
        "role_description": ROLE_DESCRIPTIONS[ConsoleRole(invitation.role)],
        "is_for_user": is_for_user,
    }
    if is_for_user and request.method == "POST":
        try:
            actions.accept_invitation_as(user, invitation, origin=Origin.of(request))
        except ValidationError as error:
            context["error"] = " ".join(error.messages)
        else:
            messages.success(request, f"You are {invitation.get_role_display()} now.")
            return redirect("dashboard")
    return render(request, "accounts/invitations/signed_in.html", context)


def _accept(invitation: Invitation, form: AcceptInvitationForm, origin: Origin) -> User:
    return actions.accept_invitation(
        invitation,
        first_name=form.cleaned_data["first_name"],
        last_name=form.cleaned_data["last_name"],
        password=form.cleaned_data["password"],
        origin=origin,
    )


def _sign_in(request: HttpRequest, user: User) -> HttpResponse:
    response: HttpResponse = perform_password_login(
        request, {"email": user.email}, Login(user=user, email=user.email)
    )
    return response


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the link, which is a secret, out of caches and Referer headers.

    Not `no-referrer`: browsers would then post the form with `Origin: null`, and the CSRF check
    would refuse it.
    """
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "strict-origin"
    return response
