from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member
from accounts.environments import Environment
from accounts.models import AuditEvent
from accounts.roles import ConsolePermission
from accounts.step_up import step_up_required
from core.origin import Origin
from credentials import access
from credentials.actions import applications as actions
from credentials.explain.explanations import recent_refusals
from credentials.forms.applications import (
    ApplicationListForm,
    ApplicationSettingsForm,
    CreateApplicationForm,
    EndFormerSecretForm,
    ReplaceSecretForm,
)
from credentials.models import Application, Client, Refusal
from credentials.reports.dependents import dependents_of, guests_of

HISTORY_SIZE = 25


@dataclass(frozen=True)
class InEnvironment:
    """One column of the table of application credentials."""

    environment: Environment
    client: Client | None


@require_safe
def applications(request: HttpRequest) -> HttpResponse:
    viewer = access.application_viewer(request.user)
    visible = Application.objects.visible_to(viewer)
    page = ApplicationListForm(request.GET).page(
        visible.select_related("owner").prefetch_related("clients"), whole=visible
    )
    context = {
        "applications": [(app, _in_environments(app.clients.all())) for app in page.rows],
        "page": page,
        "shows_owners": viewer.may(ConsolePermission.APPLICATION_VIEW_ANY),
    }
    return render(request, "credentials/applications/applications.html", context)


def _in_environments(clients: Iterable[Client]) -> list[InEnvironment]:
    issued = {client.environment: client for client in clients}
    return [InEnvironment(environment, issued.get(environment)) for environment in Environment]


@require_http_methods(["GET", "HEAD", "POST"])
def create_application(request: HttpRequest) -> HttpResponse:
    owner = member(request.user, ConsolePermission.APPLICATION_MANAGE_OWN)
    form = CreateApplicationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            application, issued = actions.register_application_with_client(
                owner,
                **form.settings,
                submission_key=form.cleaned_data["submission_key"],
                origin=Origin.of(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            if issued is None:
                return redirect("credentials:application", application.pk)
            return _secret_shown_once(request, *issued, act="created")
    return render(request, "credentials/applications/create_application.html", {"form": form})


def _secret_shown_once(
    request: HttpRequest, client: Client, raw_secret: str, *, act: str
) -> HttpResponse:
    """Answers the POST itself: a redirect would have to keep the secret somewhere in between."""
    response = render(
        request,
        "credentials/applications/client_secret.html",
        {
            "application": client.application,
            "client": client,
            "environment": Environment(client.environment),
            "raw_secret": raw_secret,
            "act": act,
        },
    )
    add_never_cache_headers(response)
    return response


@require_safe
def application(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id)
    in_environments = _in_environments(application.clients.with_last_use())
    return render(
        request,
        "credentials/applications/application.html",
        {
            "application": application,
            "in_environments": in_environments,
            "may_change": application.managed_by(viewer) and not application.is_retired,
            "refusals": recent_refusals(_refusals(in_environments), viewer),
            "events": _history(application, in_environments)[:HISTORY_SIZE],
        },
    )


def _refusals(in_environments: list[InEnvironment]) -> QuerySet[Refusal]:
    clients = [column.client for column in in_environments if column.client is not None]
    return Refusal.objects.of_clients(clients)


def _history(
    application: Application, in_environments: list[InEnvironment]
) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.about("application", application.pk)
    for column in in_environments:
        if column.client is not None:
            events |= AuditEvent.objects.about("client", column.client.pk)
    return events


@require_http_methods(["GET", "HEAD", "POST"])
def application_settings(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    form = ApplicationSettingsForm(
        request.POST if request.method == "POST" else None,
        application=application,
        guests=guests_of(application),
    )
    if form.is_bound and form.is_valid():
        try:
            actions.update_application(
                application, **form.settings, actor=viewer.user, origin=Origin.of(request)
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "The settings are saved.")
            return redirect("credentials:application_settings", application.pk)
    return render(
        request,
        "credentials/applications/application_settings.html",
        {"application": application, "form": form},
    )


@require_POST
def issue_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    try:
        issued = actions.issue_client(
            application, environment, actor=viewer.user, origin=Origin.of(request)
        )
    except ValidationError as error:
        messages.error(request, error.message)
        return redirect("credentials:application", application.pk)
    return _secret_shown_once(request, *issued, act="issued")


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def replace_client_secret(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    form = ReplaceSecretForm(request.POST or None, initial={"issued_at": client.secret_issued_at})
    if form.is_valid():
        try:
            raw_secret = actions.replace_client_secret(
                client,
                issued_at=form.cleaned_data["issued_at"],
                overlap=form.cleaned_data["overlap"],
                actor=viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            messages.error(request, error.message)
            return redirect("credentials:application", application_id)
        client.refresh_from_db()
        return _secret_shown_once(request, client, raw_secret, act="replaced")
    return render(
        request,
        "credentials/applications/replace_client_secret.html",
        {
            "application": client.application,
            "client": client,
            "environment": environment,
            "form": form,
            "dependents": dependents_of(client, viewer),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def end_former_secret(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    if not client.has_former_secret():
        messages.info(request, "The former client secret has already ended.")
        return redirect("credentials:application", application_id)
    form = EndFormerSecretForm(request.POST or None)
    if form.is_valid():
        try:
            actions.end_former_secret(
                client,
                issued_at=form.cleaned_data["issued_at"],
                actor=viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "The former client secret has ended.")
        return redirect("credentials:application", application_id)
    return render(
        request,
        "credentials/applications/end_former_secret.html",
        {
            "application": client.application,
            "client": client,
            "environment": environment,
            "form": EndFormerSecretForm(initial={"issued_at": client.former_secret_issued_at}),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def suspend_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    if request.method == "POST":
        try:
            actions.suspend_client(client, actor=viewer.user, origin=Origin.of(request))
        except ValidationError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"The {environment.label.lower()} client ID is suspended.")
        return redirect("credentials:application", application_id)
    return render(
        request,
        "credentials/applications/suspend_client.html",
        {
            "application": client.application,
            "client": client,
            "environment": environment,
            "dependents": dependents_of(client, viewer),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def retire_application(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    if request.method == "POST":
        actions.retire_application(application, actor=viewer.user, origin=Origin.of(request))
        messages.success(request, f"{application.name} is retired.")
        return redirect("credentials:application", application_id)
    clients = application.clients.order_by("-environment")
    return render(
        request,
        "credentials/applications/retire_application.html",
        {
            "application": application,
            "reach": [(client, dependents_of(client, viewer)) for client in clients],
        },
    )


@require_POST
def resume_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    try:
        actions.resume_client(client, actor=viewer.user, origin=Origin.of(request))
    except ValidationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The {environment.label.lower()} client ID is active again.")
    return redirect("credentials:application", application_id)
