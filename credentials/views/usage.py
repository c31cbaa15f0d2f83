"""What an app does: its exchanges and calls, which credentials it uses, and from where."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.environments import Environment
from accounts.models import Membership
from credentials import access
from credentials.models import Application, Client
from credentials.reports.client_usage import UsedCredential, client_usage


@dataclass(frozen=True)
class Tab:
    environment: Environment
    is_shown: bool


@require_safe
def application_usage(request: HttpRequest, application_id: UUID) -> HttpResponse:
    """One environment at a time: `?environment=sandbox`, else production if there is a client."""
    viewer, application = access.application_for(request.user, application_id)
    clients = _clients(application)
    shown = _chosen(clients, request.GET.get("environment", ""))
    context: dict[str, object] = {
        "application": application,
        "may_change": application.managed_by(viewer) and not application.is_retired,
        "tabs": [Tab(Environment(each.environment), each == shown) for each in clients],
        "client": shown,
    }
    if shown is not None:
        use = client_usage(shown, viewer)
        context |= {
            "use": use,
            "credentials": [(each, _page_of(each, viewer)) for each in use.credentials],
        }
    return render(request, "credentials/usage/application_usage.html", context)


def _clients(application: Application) -> list[Client]:
    """In the order of environments."""
    issued = {client.environment: client for client in application.clients.all()}
    return [issued[environment] for environment in Environment if environment in issued]


def _chosen(clients: list[Client], wanted: str) -> Client | None:
    """The client of the wanted environment, else that of the last one, which is production."""
    found = next((client for client in clients if client.environment == wanted), None)
    return found or (clients[-1] if clients else None)


def _page_of(use: UsedCredential, viewer: Membership) -> str:
    """Where the viewer finds the credential: a colleague's through Organization."""
    owner_id = use.credential.extension.user_id
    if owner_id == viewer.user_id and viewer.is_developer:
        return reverse("my_credentials:detail", args=[use.credential.pk])
    return reverse("developer_credentials:detail", args=[owner_id, use.credential.pk])
