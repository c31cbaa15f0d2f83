from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.access import invitation_for, member, membership_of
from accounts.actions import invitations as actions
from accounts.forms.invitations import AcceptInvitationForm, InviteForm
from accounts.forms.submissions import ConfirmForm, errors_in_messages, errors_on, posted, refill
from accounts.models import Invitation, User
from accounts.roles import ROLE_DESCRIPTIONS, ConsolePermission, ConsoleRole
from accounts.sign_in.interruptions import entries_for, keeps_entries, only_post
from accounts.sign_in.step_up import step_up_required
from core import raw_secrets
from core.origin import Origin

# In the session: the digest of the token in the link that was opened last.
OPENED = "opened_invitation"
NOT_SENT = (
    "We couldn’t send the email to %s because the email server didn’t respond. "
    "Resend the invitation in a few minutes."
)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def invite(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.ACCESS_MANAGE)
    form = InviteForm(posted(request), initial={"role": ConsoleRole.DEVELOPER})
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            limits.EMAILS.count(request)
            invitation, sent = actions.invite_by_email(
                viewer.organization,
                **form.cleaned_data,
                actor=viewer.user,
                origin=Origin.of(request),
            )
            _say_whether_sent(request, invitation, sent)
            return redirect("accounts:access")
    return render(request, "accounts/invitations/invite.html", {"form": form})


@only_post
def resend_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    viewer, invitation = invitation_for(request.user, invitation_id)
    with errors_in_messages(request):
        limits.EMAILS.count(request)
        renewed, sent = actions.resend_invitation(
            invitation, actor=viewer.user, origin=Origin.of(request)
        )
        _say_whether_sent(request, renewed, sent)
    return redirect("accounts:access")


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    viewer, invitation = invitation_for(request.user, invitation_id)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            actions.withdraw_invitation(invitation, actor=viewer.user, origin=Origin.of(request))
            messages.success(request, f"You withdrew the invitation to {invitation.email}.")
            return redirect("accounts:access")
    context = {"invitation": invitation, "form": form}
    return render(request, "accounts/invitations/withdraw_invitation.html", context)


def _say_whether_sent(request: HttpRequest, invitation: Invitation, sent: bool) -> None:
    if sent:
        messages.success(request, f"We sent an invitation to {invitation.email}.")
    else:
        messages.error(request, NOT_SENT % invitation.email)


@login_not_required
@require_safe
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the email, which leaves the address bar and the history at once."""
    if not Invitation.objects.open().with_token(token).exists():
        return _closed(request)
    request.session[OPENED] = raw_secrets.digest(token)
    return _private(redirect("accounts:accept_invitation"))


@login_not_required
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest) -> HttpResponse:
    # It works once, for anyone who opened the link.
    digest = request.session.get(OPENED, "")
    invitation = Invitation.objects.open().with_digest(digest).first()
    if invitation is None:
        return _closed(request)
    if isinstance(request.user, User):
        return _private(_accept_signed_in(request, request.user, invitation))
    if User.objects.filter(email=invitation.email).exists():
        return _private(_sign_in_first(request, invitation))
    form = AcceptInvitationForm(invitation, posted(request))
    if form.is_valid():
        with errors_on(form):
            names = ("first_name", "last_name", "password")
            values = {name: form.cleaned_data[name] for name in names}
            user = actions.accept_invitation(invitation, **values, origin=Origin.of(request))
            del request.session[OPENED]
            return _sign_in(request, user)
    context = {"form": form, **_role_in_words(invitation)}
    return _private(render(request, "accounts/invitations/accept_invitation.html", context))


def _accept_signed_in(request: HttpRequest, user: User, invitation: Invitation) -> HttpResponse:
    membership = membership_of(user)
    is_member = membership is not None and membership.organization_id == invitation.organization_id
    has_address = user.email.lower() == invitation.email.lower()
    is_for_user = is_member and has_address
    form = ConfirmForm(posted(request) if is_for_user else None)
    if form.is_valid():
        with errors_on(form):
            actions.accept_invitation_as(user, invitation, origin=Origin.of(request))
            del request.session[OPENED]
            role = invitation.get_role_display()
            messages.success(request, f"You now have the {role} role.")
            return redirect("dashboard")
    context = {"form": form, **_role_in_words(invitation)}
    if is_for_user:
        return render(request, "accounts/invitations/signed_in.html", context)
    context |= {"is_member": is_member, "has_address": has_address}
    return render(request, "accounts/invitations/not_for_you.html", context)


def _sign_in_first(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    return render(request, "accounts/invitations/sign_in_first.html", {"invitation": invitation})


def _role_in_words(invitation: Invitation) -> dict[str, Any]:
    role = ConsoleRole(invitation.role)
    return {"invitation": invitation, "role_description": ROLE_DESCRIPTIONS[role]}


def _sign_in(request: HttpRequest, user: User) -> HttpResponse:
    response: HttpResponse = perform_password_login(
        request, {"email": user.email}, Login(user=user, email=user.email)
    )
    return response


def _closed(request: HttpRequest) -> HttpResponse:
    return _private(render(request, "accounts/invitations/closed.html", status=410))


def _private(response: HttpResponse) -> HttpResponse:
    # The link is a secret, so caches and Referer headers must not have it. `no-referrer` would make
    # browsers post the form with `Origin: null`, which the CSRF check refuses.
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "strict-origin"
    return response
