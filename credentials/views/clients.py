"""An app's client ID and secrets in one environment."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.environments import Environment
from accounts.forms.submissions import ConfirmForm, errors_in_messages, errors_on, posted
from accounts.sign_in.interruptions import only_post
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials import access
from credentials.actions import clients as actions
from credentials.forms.applications import EndFormerSecretForm, ReplaceSecretForm
from credentials.models import Client
from credentials.reports.client_impact import client_impact


def secret_shown_once(
    request: HttpRequest, client: Client, raw_secret: str, *, act: str
) -> HttpResponse:
    # This page answers the POST itself: a redirect would have to keep the secret somewhere.
    response = _page(request, "client_secret", client, raw_secret=raw_secret, act=act)
    add_never_cache_headers(response)
    return response


def _page(request: HttpRequest, name: str, client: Client, **context: Any) -> HttpResponse:
    context |= {
        "application": client.application,
        "client": client,
        "environment": Environment(client.environment),
    }
    return render(request, f"credentials/applications/{name}.html", context)


@only_post
@step_up_required
def issue_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, application = access.application_for(request.user, application_id, to_change=True)
    with errors_in_messages(request):
        limits.CREATIONS.count(request)
        issued = actions.issue_client(
            application, environment, actor=viewer.user, origin=Origin.of(request)
        )
        return secret_shown_once(request, *issued, act="issued")
    return redirect("credentials:application", application.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def replace_client_secret(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    form = ReplaceSecretForm(posted(request), initial={"issued_at": client.secret_issued_at})
    if form.is_valid():
        with errors_on(form):
            limits.CREATIONS.count(request)
            raw_secret = actions.replace_client_secret(
                client, **form.cleaned_data, actor=viewer.user, origin=Origin.of(request)
            )
            client.refresh_from_db()
            return secret_shown_once(request, client, raw_secret, act="replaced")
    dependents = client_impact(client, viewer)
    return _page(request, "replace_client_secret", client, form=form, dependents=dependents)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def end_former_secret(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    if not client.has_former_secret():
        messages.info(request, "The previous client secret no longer works.")
        return redirect("credentials:application", application_id)
    seen = {"issued_at": client.former_secret_issued_at}
    form = EndFormerSecretForm(posted(request), initial=seen)
    if form.is_valid():
        with errors_in_messages(request):
            actions.end_former_secret(
                client, **form.cleaned_data, actor=viewer.user, origin=Origin.of(request)
            )
            messages.success(request, "You revoked the previous client secret.")
        return redirect("credentials:application", application_id)
    return _page(request, "end_former_secret", client, form=form)


@require_http_methods(["GET", "HEAD", "POST"])
def suspend_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            actions.suspend_client(client, actor=viewer.user, origin=Origin.of(request))
            name = environment.label.lower()
            messages.success(request, f"You suspended the {name} client ID.")
            return redirect("credentials:application", application_id)
    dependents = client_impact(client, viewer)
    return _page(request, "suspend_client", client, form=form, dependents=dependents)


@only_post
def resume_client(
    request: HttpRequest, application_id: UUID, environment: Environment
) -> HttpResponse:
    viewer, client = access.client_for(request.user, application_id, environment, to_change=True)
    with errors_in_messages(request):
        actions.resume_client(client, actor=viewer.user, origin=Origin.of(request))
        name = environment.label.lower()
        messages.success(request, f"You resumed the {name} client ID. It’s active again.")
    return redirect("credentials:application", application_id)
