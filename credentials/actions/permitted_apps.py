from collections.abc import Sequence

from django.core.exceptions import ValidationError

from accounts.environments import Environment
from accounts.models import Membership
from core import texts
from credentials.models import (
    AppAccess,
    Client,
)

MAX_PERMITTED_CLIENTS = 100


def permittable_client(
    client_id: str, *, environment: Environment, owner: Membership, listed: Sequence[str] = ()
) -> Client:
    """The client with this ID. Raises `ValidationError` if the credential can't allow it."""
    if client_id in listed:
        raise ValidationError("This app is already on the list.", code="duplicate")
    if fault := texts.fault_of(client_id):
        raise ValidationError(fault, code="unseen")
    client = (
        Client.objects.select_related("application__organization")
        .filter(client_id=client_id)
        .first()
    )
    if client is None:
        raise ValidationError(
            "No app has this client ID. Check for a missing character, or ask the app's "
            "developer to send it again.",
            code="unknown",
        )
    application = client.application
    if not application.is_public and application.organization_id != owner.organization_id:
        raise ValidationError(
            "This is a private app of another organization. Only its own organization can use "
            "it. Ask its developer to make it public.",
            code="private",
        )
    if client.environment != environment:
        found = Environment(client.environment).label.lower()
        wanted = environment.label.lower()
        raise ValidationError(
            f"This is a {found} client ID. A {wanted} credential needs the app's {wanted} "
            "client ID.",
            code="other_environment",
        )
    if not client.is_active:
        raise ValidationError(
            "This client ID is suspended, so its app can't authenticate. Ask its developer to "
            "resume it first.",
            code="suspended",
        )
    return client


def permittable_clients(
    app_access: AppAccess,
    client_ids: Sequence[str],
    *,
    environment: Environment,
    owner: Membership,
    kept: Sequence[Client] = (),
) -> list[Client]:
    """The clients of a list. Those in `kept` stay, even if they are suspended by now."""
    if app_access == AppAccess.ORGANIZATION:
        return []
    wanted = list(dict.fromkeys(client_ids))
    if not wanted:
        raise ValidationError({"client_id": "Add at least one app, or allow all apps."})
    if len(wanted) > MAX_PERMITTED_CLIENTS:
        raise ValidationError({"client_id": f"You can list at most {MAX_PERMITTED_CLIENTS} apps."})
    known = {client.client_id: client for client in kept}
    clients = []
    for client_id in wanted:
        try:
            clients.append(
                known.get(client_id)
                or permittable_client(client_id, environment=environment, owner=owner)
            )
        except ValidationError as error:
            raise ValidationError({"client_id": f"{client_id}: {error.message}"}) from error
    return clients
