"""The pages of an app that show one environment at a time."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from credentials.models import Application, Client, JwtCredential


@dataclass(frozen=True)
class Tab:
    environment: Environment
    is_shown: bool


def client_tabs(application: Application, wanted: str) -> tuple[list[Tab], Client | None]:
    """A tab for each client, and the client of the wanted environment, or else the last one."""
    issued = {client.environment: client for client in application.clients.all()}
    clients = [issued[environment] for environment in Environment if environment in issued]
    found = next((client for client in clients if client.environment == wanted), None)
    # The last one is production.
    shown = found or (clients[-1] if clients else None)
    if shown is not None:
        shown.application = application
    return [Tab(Environment(each.environment), each == shown) for each in clients], shown


def page_of_credential(credential: JwtCredential, viewer: Membership) -> str:
    """Where the viewer finds the credential: a colleague's through Organization."""
    owner_id = credential.extension.user_id
    if owner_id == viewer.user_id and viewer.is_developer:
        return reverse("my_credentials:detail", args=[credential.pk])
    return reverse("developer_credentials:detail", args=[owner_id, credential.pk])
