from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import member
from accounts.forms.submissions import errors_in_messages, errors_on, posted, refill
from accounts.roles import ConsolePermission
from accounts.sign_in.interruptions import entries_for, keeps_entries
from accounts.sign_in.step_up import step_up_required
from core.moments import in_words
from core.origin import Origin
from credentials.access import CredentialOwner, jwt_credential_for
from credentials.actions import pauses as actions
from credentials.forms.pauses import PauseForm
from credentials.models import JwtCredential
from credentials.pauses import may_resume
from credentials.views.credential_pages import credential_page, what_breaks
from credentials.views.inventory import chosen_credentials, consequences_of, list_url
from credentials.wording import pause_in_words


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def pause(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if refusal := _refusal(owner, credential):
        messages.info(request, refusal)
        return redirect(owner.url("detail", credential))
    form = PauseForm(posted(request))
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            at = timezone.now()
            until, actor, origin = form.ends_at(at), owner.viewer.user, Origin.of(request)
            actions.pause_jwt_credential(credential, until=until, actor=actor, origin=origin, at=at)
            messages.success(request, f"You paused {credential.label} until {in_words(until)}.")
            return redirect(owner.url("detail", credential))
    context = {"credential": credential, "form": form, **what_breaks(credential)}
    return credential_page(request, "credentials/jwt_credentials/pause.html", owner, **context)


def _refusal(owner: CredentialOwner, credential: JwtCredential) -> str:
    if credential.status != "active":
        return f"This credential is {credential.status}, so you can’t pause it."
    if not may_resume(credential, owner.viewer):
        return f"{pause_in_words(credential)} Only an administrator can change that."
    return ""


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def resume(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    """Asks first, because emails link here."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if not credential.is_paused():
        messages.info(request, "This credential isn’t paused.")
        return redirect(owner.url("detail", credential))
    if refusal := _refusal(owner, credential):
        messages.info(request, refusal)
        return redirect(owner.url("detail", credential))
    if request.method == "POST":
        with errors_in_messages(request):
            origin = Origin.of(request)
            actions.resume_jwt_credential(credential, actor=owner.viewer.user, origin=origin)
            messages.success(request, f"You resumed {credential.label}.")
        return redirect(owner.url("detail", credential))
    template = "credentials/jwt_credentials/resume.html"
    return credential_page(request, template, owner, credential=credential)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def pause_credentials(request: HttpRequest) -> HttpResponse:
    """Asks what breaks, then pauses what was checked in the list: `?credential=…&credential=…`."""
    viewer = member(request.user, ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY)
    sent = request.POST if request.method == "POST" else request.GET
    chosen, back = chosen_credentials(viewer, sent), list_url(sent)
    active = [credential for credential in chosen if credential.status == "active"]
    if not active:
        ended = "None of the credentials you selected is active, so you can’t pause them."
        messages.info(request, ended if chosen else "Select at least one credential.")
        return redirect(back)
    form = PauseForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            _pause(request, form, [credential.pk for credential in active])
            return redirect(back)
    context = {
        "form": form,
        "back": back,
        "list_query": sent.get("list", ""),
        "chosen": consequences_of(active),
        "skipped": len(chosen) - len(active),
        "tells_owners": any(each.extension.user_id != viewer.user_id for each in active),
    }
    return render(request, "credentials/inventory/pause_credentials.html", context)


def _pause(request: HttpRequest, form: PauseForm, ids: list[UUID]) -> None:
    at = timezone.now()
    until = form.ends_at(at)
    viewer = member(request.user, ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY)
    done = actions.pause_jwt_credentials(
        ids, until=until, actor=viewer.user, origin=Origin.of(request), at=at
    )
    count = len(done.paused)
    paused = f"You paused {count} credential{pluralize(count)} until {in_words(until)}."
    messages.success(request, paused)
