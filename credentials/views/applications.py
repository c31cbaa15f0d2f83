from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.access import member
from accounts.environments import Environment, wanted_environment
from accounts.forms.submissions import ConfirmForm, errors_on, posted, refill
from accounts.models import AuditEvent
from accounts.roles import ConsolePermission
from accounts.sign_in.interruptions import entries_for, keeps_entries
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials import access
from credentials.actions import applications as actions
from credentials.actions.clients import register_application_with_client
from credentials.explain.explanations import recent_refusals
from credentials.forms.applications import (
    ApplicationListForm,
    ApplicationSettingsForm,
    CreateApplicationForm,
)
from credentials.models import Application, Client, Refusal
from credentials.reports.client_impact import client_impact, listed_by_others
from credentials.views.clients import secret_shown_once

HISTORY_OF_AN_APP = 25


@dataclass(frozen=True)
class InEnvironment:
    """One column of the Application Credentials table."""

    environment: Environment
    client: Client | None


@require_safe
def applications(request: HttpRequest) -> HttpResponse:
    viewer = access.application_viewer(request.user)
    wanted = wanted_environment(request.GET)
    visible = Application.objects.visible_to(viewer)
    page = ApplicationListForm(request.GET).page(
        visible.with_client_in(wanted).select_related("owner").prefetch_related("clients"),
        whole=visible,
    )
    context = {
        "applications": [(app, _in_environments(app.clients.all(), wanted)) for app in page.rows],
        "environments": [wanted] if wanted else list(Environment),
        "wanted": wanted,
        "page": page,
        "shows_owners": viewer.may(ConsolePermission.APPLICATION_VIEW_ANY),
    }
    return render(request, "credentials/applications/applications.html", context)


def _in_environments(clients: Iterable[Client], wanted: Environment | None) -> list[InEnvironment]:
    issued = {client.environment: client for client in clients}
    shown = [wanted] if wanted else Environment
    return [InEnvironment(environment, issued.get(environment)) for environment in shown]


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def create_application(request: HttpRequest) -> HttpResponse:
    owner = member(request.user, ConsolePermission.APPLICATION_MANAGE_OWN)
    form = CreateApplicationForm(posted(request))
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            limits.CREATIONS.count(request)
            application, issued = register_application_with_client(
                owner,
                **form.settings,
                submission_key=form.cleaned_data["submission_key"],
                origin=Origin.of(request),
            )
            if issued is None:
                return redirect("credentials:application", application.pk)
            return secret_shown_once(request, *issued, act="created")
    return render(request, "credentials/applications/create_application.html", {"form": form})


@require_safe
def application(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id)
    wanted = wanted_environment(request.GET)
    in_environments = _in_environments(application.clients.with_last_use(), wanted)
    return render(
        request,
        "credentials/applications/application.html",
        {
            "application": application,
            "in_environments": in_environments,
            "may_change": application.managed_by(viewer) and not application.is_retired,
            "refusals": recent_refusals(_refusals(in_environments), viewer),
            "events": _history(application, in_environments)[:HISTORY_OF_AN_APP],
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
@step_up_required
@keeps_entries
def application_settings(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    form = ApplicationSettingsForm(
        posted(request),
        application=application,
        guests=listed_by_others(application),
    )
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            actions.update_application(
                application, **form.settings, actor=viewer.user, origin=Origin.of(request)
            )
            messages.success(request, "We saved the settings.")
            return redirect("credentials:application_settings", application.pk)
    return render(
        request,
        "credentials/applications/application_settings.html",
        {"application": application, "form": form},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def retire_application(request: HttpRequest, application_id: UUID) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            actions.retire_application(application, actor=viewer.user, origin=Origin.of(request))
            messages.success(request, f"You retired {application.name}.")
            return redirect("credentials:application", application_id)
    clients = application.clients.order_by("-environment")
    context = {
        "application": application,
        "reach": [(client, client_impact(client, viewer)) for client in clients],
        "form": form,
    }
    return render(request, "credentials/applications/retire_application.html", context)
