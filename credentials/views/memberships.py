"""Organization → Access → one person: their role, deactivation, and apps."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.access import colleague, member, person_for
from accounts.actions import memberships as actions
from accounts.actions.password_resets import send_password_reset as send_reset_link
from accounts.actions.sessions import end_sessions_of
from accounts.forms.submissions import ConfirmForm, errors_on, posted, refill
from accounts.models import AuditEvent, Membership
from accounts.roles import DEVELOPER_ROLES, ConsolePermission
from accounts.sign_in.interruptions import entries_for, keeps_entries
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials.actions.applications import may_transfer
from credentials.actions.applications import transfer_applications as transfer
from credentials.forms.memberships import ChangeRoleForm, TransferForm
from credentials.models import Application
from credentials.reports.owner_impact import OwnerImpact, owner_impact

HISTORY_OF_A_PERSON = 50
TRANSFERRED_AT_ONCE = 100
NOT_SENT = (
    "We couldn’t send the email to %s because the email server didn’t respond. "
    "Try again in a few minutes."
)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def change_role(request: HttpRequest, user_id: UUID) -> HttpResponse:
    viewer, person = person_for(request.user, user_id)
    form = ChangeRoleForm(
        posted(request),
        initial={"role": person.role, "is_account_admin": person.is_account_admin},
    )
    refill(form, entries_for(request))
    if form.is_valid():
        live = _would_stop(person, form)
        if live is not None and not form.cleaned_data["confirmed"]:
            role = form.cleaned_data["role"]
            context = {"person": person, "form": form, "role": role, "live": live}
            return render(request, "credentials/memberships/confirm_role.html", context)
        with errors_on(form):
            return _change_role(request, viewer, person, form)
    return _role_page(request, person, form)


def _change_role(
    request: HttpRequest, viewer: Membership, person: Membership, form: ChangeRoleForm
) -> HttpResponse:
    role = form.cleaned_data["role"]
    changed = actions.change_role(
        person,
        role=role,
        is_account_admin=form.cleaned_data["is_account_admin"],
        actor=viewer.user,
        origin=Origin.of(request),
    )
    return _saved(request, changed, f"{person.user.name} now has the {role.label} role.")


def _role_page(request: HttpRequest, person: Membership, form: ChangeRoleForm) -> HttpResponse:
    context = {
        "person": person,
        "form": form,
        "applications_count": _applications(person).count(),
        "events": AuditEvent.objects.about("user", person.user_id)[:HISTORY_OF_A_PERSON],
    }
    return render(request, "credentials/memberships/change_role.html", context)


def _would_stop(person: Membership, form: ChangeRoleForm) -> OwnerImpact | None:
    role = form.cleaned_data["role"]
    if not (person.user.is_active and person.is_developer) or role in DEVELOPER_ROLES:
        return None
    live = owner_impact(person)
    return live if live.count else None


def _saved(request: HttpRequest, person: Membership, text: str) -> HttpResponse:
    messages.success(request, text)
    # People who take their own access away can't view the list any more.
    if person.user == request.user and not person.may(ConsolePermission.ACCESS_VIEW):
        return redirect("dashboard")
    return redirect("accounts:access")


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def remove_access(request: HttpRequest, user_id: UUID) -> HttpResponse:
    outcome = "%s no longer has access to the console."
    return _confirmed(request, user_id, "remove_access", actions.remove_access, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def end_sessions(request: HttpRequest, user_id: UUID) -> HttpResponse:
    outcome = "You signed %s out everywhere."
    return _confirmed(request, user_id, "end_sessions", end_sessions_of, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def deactivate(request: HttpRequest, user_id: UUID) -> HttpResponse:
    outcome = "You deactivated %s."
    return _confirmed(request, user_id, "deactivate", actions.deactivate, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def reactivate(request: HttpRequest, user_id: UUID) -> HttpResponse:
    outcome = "You reactivated %s, who can sign in again."
    return _confirmed(request, user_id, "reactivate", actions.reactivate, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def send_password_reset(request: HttpRequest, user_id: UUID) -> HttpResponse:
    viewer, person = person_for(request.user, user_id)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            limits.EMAILS.count(request)
            if send_reset_link(person, actor=viewer.user, origin=Origin.of(request)):
                messages.success(request, f"We sent a link to {person.user.email}.")
            else:
                messages.error(request, NOT_SENT % person.user.email)
            return redirect("organization:change_role", person.user_id)
    context = {"person": person, "form": form}
    return render(request, "credentials/memberships/send_password_reset.html", context)


def _confirmed(
    request: HttpRequest, user_id: UUID, page: str, act: Callable[..., Membership], outcome: str
) -> HttpResponse:
    viewer, person = person_for(request.user, user_id)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            changed = act(person, actor=viewer.user, origin=Origin.of(request))
            return _saved(request, changed, outcome % person.user.name)
    context = {
        "person": person,
        "works": person.is_developer and person.user.is_active,
        "live": owner_impact(person) if person.is_developer else None,
        "applications_count": _applications(person).count(),
        "form": form,
    }
    return render(request, f"credentials/memberships/{page}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def transfer_applications(request: HttpRequest, user_id: UUID) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    person = colleague(viewer, user_id)
    if not may_transfer(viewer):
        raise PermissionDenied
    owned = {str(app.pk): app for app in _applications(person)[:TRANSFERRED_AT_ONCE]}
    form = TransferForm(person, owned.values(), posted(request))
    if form.is_valid():
        new_owner: Membership = form.cleaned_data["new_owner"]
        with errors_on(form):
            count = transfer(
                [owned[pk] for pk in form.cleaned_data["applications"]],
                new_owner,
                actor=viewer.user,
                origin=Origin.of(request),
            )
            apps = "1 app" if count == 1 else f"{count} apps"
            messages.success(request, f"You transferred {apps} to {new_owner.user.name}.")
            return redirect("organization:transfer_applications", person.user_id)
    context = {"person": person, "form": form, "applications": list(owned.values())}
    return render(request, "credentials/memberships/transfer_applications.html", context)


def _applications(person: Membership) -> QuerySet[Application]:
    return Application.objects.filter(owner=person.user).in_service().order_by("name", "pk")
