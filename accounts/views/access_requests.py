from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import NoConsoleAccess, access_request_for, membership_of
from accounts.actions import access_requests as actions
from accounts.forms.access_requests import ApproveForm, DeclineForm, RequestAccessForm
from accounts.forms.submissions import errors_on, posted, refill
from accounts.models import AccessRequest
from accounts.models.access_requests import Decision
from accounts.roles import ConsoleRole
from accounts.sign_in.interruptions import entries_for, keeps_entries, only_post
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin


def no_access(request: HttpRequest, form: RequestAccessForm | None = None) -> HttpResponse:
    membership = membership_of(request.user)
    latest = membership and membership.user.access_requests.order_by("-created_at").first()
    context = {
        "form": form or RequestAccessForm(),
        "own_membership": membership,
        "pending": latest if latest and latest.decided_at is None else None,
        "declined": latest if latest and latest.decision == Decision.DECLINED else None,
    }
    return render(request, "accounts/access_requests/no_access.html", context, status=403)


@only_post
def request_access(request: HttpRequest) -> HttpResponse:
    membership = membership_of(request.user)
    if membership is None:
        raise NoConsoleAccess
    if membership.has_console_access:
        return redirect("dashboard")
    form = RequestAccessForm(request.POST)
    if form.is_valid():
        with errors_on(form):
            actions.request_access(
                membership, reason=form.cleaned_data["reason"], origin=Origin.of(request)
            )
            messages.success(request, "We sent your request to your account administrators.")
            return redirect("dashboard")
    return no_access(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def approve_access_request(request: HttpRequest, request_id: UUID) -> HttpResponse:
    viewer, asked = access_request_for(request.user, request_id)
    if asked.decided_by is not None:
        return _already_decided(request, asked)
    form = ApproveForm(posted(request), initial={"role": ConsoleRole.DEVELOPER})
    if form.is_valid():
        role = form.cleaned_data["role"]
        with errors_on(form):
            actions.approve_access_request(
                asked, role=role, actor=viewer.user, origin=Origin.of(request)
            )
            messages.success(
                request,
                f"{asked.user.name} now has the {role.label} role. We sent them an email.",
            )
            return redirect("accounts:access")
    context = {"asked": asked, "form": form}
    return render(request, "accounts/access_requests/approve_access_request.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_entries
def decline_access_request(request: HttpRequest, request_id: UUID) -> HttpResponse:
    viewer, asked = access_request_for(request.user, request_id)
    if asked.decided_by is not None:
        return _already_decided(request, asked)
    form = DeclineForm(posted(request))
    refill(form, entries_for(request))
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        with errors_on(form):
            actions.decline_access_request(
                asked, reason=reason, actor=viewer.user, origin=Origin.of(request)
            )
            messages.success(
                request,
                f"You declined {asked.user.name}’s request. We sent them an email with the reason.",
            )
            return redirect("accounts:access")
    context = {"asked": asked, "form": form}
    return render(request, "accounts/access_requests/decline_access_request.html", context)


def _already_decided(request: HttpRequest, asked: AccessRequest) -> HttpResponse:
    # Two administrators can work on the same list; the second one learns what the first decided.
    decider = asked.decided_by.name if asked.decided_by else ""
    decision = asked.get_decision_display().lower()
    messages.info(request, f"{decider} already {decision} {asked.user.name}’s request.")
    return redirect("accounts:access")
