"""The token sessions of a credential and of an app, and the pages that ask before ending them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.environments import Environment
from accounts.forms.submissions import ConfirmForm, errors_in_messages, posted
from accounts.models import Membership
from core.origin import Origin
from credentials import access
from credentials.actions import token_sessions as actions
from credentials.forms.token_sessions import ApplicationSessionListForm, CredentialSessionListForm
from credentials.models import Client, RefreshToken
from credentials.models.refresh_tokens import RefreshTokenQuerySet
from credentials.reports.token_sessions import (
    count_by_app,
    count_seen,
    seen_by,
    sessions_of_client,
    sessions_of_credential,
)
from credentials.views.client_tabs import client_tabs, page_of_credential
from credentials.views.credential_pages import credential_page

_FOLDER = "credentials/token_sessions"


@require_safe
def credential_sessions(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    owner, credential = access.jwt_credential_for(request.user, user_id, credential_id)
    form = CredentialSessionListForm(request.GET)
    page = form.page(
        sessions_of_credential(credential, timezone.now()).select_related("client__application"),
        whole=RefreshToken.objects.filter(credential=credential),
    )
    template = f"{_FOLDER}/credential_sessions.html"
    back = owner.url("sessions", credential)
    rows = [(each, f"{back}/{each.session_id}/end") for each in page.rows]
    return credential_page(request, template, owner, credential=credential, page=page, rows=rows)


@require_http_methods(["GET", "HEAD", "POST"])
def end_credential_session(
    request: HttpRequest,
    credential_id: UUID,
    token_session_id: UUID,
    user_id: UUID | None = None,
) -> HttpResponse:
    owner, credential = access.jwt_credential_for(request.user, user_id, credential_id, manage=True)
    back = owner.url("sessions", credential)
    last = _last_token(RefreshToken.objects.filter(credential=credential), token_session_id)
    if last.has_ended or ConfirmForm(posted(request)).is_valid():
        return _end_one(request, last, owner.viewer, back)
    template = f"{_FOLDER}/end_credential_session.html"
    return credential_page(request, template, owner, credential=credential, last=last, back=back)


@require_http_methods(["GET", "HEAD", "POST"])
def end_credential_sessions(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    owner, credential = access.jwt_credential_for(request.user, user_id, credential_id, manage=True)
    back = owner.url("sessions", credential)
    if ConfirmForm(posted(request)).is_valid():
        ended = actions.end_sessions_of_credential(
            credential, actor=owner.viewer.user, origin=Origin.of(request)
        )
        return _ended(request, ended, back)
    sessions = sessions_of_credential(credential, timezone.now())
    context = {"count": count_by_app(sessions), "back": back}
    template = f"{_FOLDER}/end_credential_sessions.html"
    return credential_page(request, template, owner, credential=credential, **context)


@require_safe
def application_sessions(request: HttpRequest, application_id: UUID) -> HttpResponse:
    """One environment at a time, like the app's usage."""
    viewer, application = access.application_for(request.user, application_id)
    form = ApplicationSessionListForm(request.GET)
    tabs, client = client_tabs(application, form.value_of("environment"))
    context: dict[str, Any] = {
        "application": application,
        "may_change": application.managed_by(viewer) and not application.is_retired,
        "tabs": tabs,
        "client": client,
    }
    if client is not None:
        context |= _sessions_of(client, viewer, form)
    return render(request, f"{_FOLDER}/application_sessions.html", context)


def _sessions_of(
    client: Client, viewer: Membership, form: ApplicationSessionListForm
) -> dict[str, Any]:
    sessions = sessions_of_client(client, timezone.now())
    page = form.page(
        seen_by(viewer, sessions).select_related("credential__extension__user"),
        whole=RefreshToken.objects.filter(client=client),
    )
    rows = [
        (
            last,
            page_of_credential(last.credential, viewer),
            reverse(
                "credentials:end_application_session",
                args=[client.application_id, last.session_id],
            ),
        )
        for last in page.rows
    ]
    return {"page": page, "rows": rows, "others": count_seen(viewer, sessions)[False]}


@require_http_methods(["GET", "HEAD", "POST"])
def end_application_session(
    request: HttpRequest, application_id: UUID, token_session_id: UUID
) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    theirs = RefreshToken.objects.filter(client__application=application)
    last = _last_token(seen_by(viewer, theirs), token_session_id)
    back = _application_sessions_url(application.pk, last.client.environment)
    if last.has_ended or ConfirmForm(posted(request)).is_valid():
        return _end_one(request, last, viewer, back)
    context = {"application": application, "may_change": True, "last": last, "back": back}
    return render(request, f"{_FOLDER}/end_application_session.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def end_application_sessions(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    back = _application_sessions_url(application_id, environment)
    if ConfirmForm(posted(request)).is_valid():
        ended = actions.end_sessions_of_client(client, actor=viewer.user, origin=Origin.of(request))
        return _ended(request, ended, back)
    counted = count_seen(viewer, sessions_of_client(client, timezone.now()))
    context = {
        "application": client.application,
        "may_change": True,
        "client": client,
        "seen": counted[True],
        "others": counted[False],
        "back": back,
    }
    return render(request, f"{_FOLDER}/end_application_sessions.html", context)


def _application_sessions_url(application_id: UUID, environment: str) -> str:
    path = reverse("credentials:application_sessions", args=[application_id])
    return f"{path}?environment={environment}"


def _last_token(tokens: RefreshTokenQuerySet, session_id: UUID) -> RefreshToken:
    people = ("credential__extension__user__membership", "client__application")
    found = tokens.select_related(*people).with_end(timezone.now()).filter(session_id=session_id)
    last = found.order_by("-pk").first()
    if last is None:
        raise Http404
    return last


def _end_one(
    request: HttpRequest, last: RefreshToken, viewer: Membership, back: str
) -> HttpResponse:
    if last.has_ended:
        messages.info(request, "This session has already ended.")
        return redirect(back)
    with errors_in_messages(request):
        actions.end_token_session(last, actor=viewer.user, origin=Origin.of(request))
        messages.success(request, f"You ended a session of {last.client.application.name}.")
    return redirect(back)


def _ended(request: HttpRequest, ended: int, back: str) -> HttpResponse:
    said = f"You ended {ended} token session{'' if ended == 1 else 's'}."
    messages.success(request, said if ended else "All sessions had already ended.")
    return redirect(back)
