from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.actions import invitations as actions
from accounts.forms.invitations import AcceptInvitationForm
from accounts.models import Invitation, User
from accounts.origin import Origin
from accounts.roles import ROLE_DESCRIPTIONS, ConsoleRole


@login_not_required
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link becomes a person of the organization, once."""
    invitation = Invitation.objects.open().with_token(token).select_related("organization").first()
    if invitation is None:
        return _private(render(request, "accounts/invitations/closed.html", status=410))
    if request.user.is_authenticated:
        return _private(
            render(request, "accounts/invitations/signed_in.html", {"invitation": invitation})
        )
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
