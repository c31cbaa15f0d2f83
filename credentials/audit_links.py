"""The pages of what only this package knows, for the sentences of the audit log."""

from collections.abc import Collection

from django.urls import reverse

from accounts.audit_links import page_of_all, page_of_each, register
from accounts.models import Membership
from accounts.roles import ConsolePermission
from credentials.models import Client, JwtCredential


def clients(viewer: Membership, ids: Collection[str]) -> dict[str, str]:
    """A client is shown on the page of its app."""
    if not viewer.may(ConsolePermission.APPLICATION_VIEW_ANY):
        return {}
    found = Client.objects.filter(pk__in=ids, application__organization=viewer.organization)
    return {
        str(pk): reverse("credentials:application", args=[application_id])
        for pk, application_id in found.values_list("pk", "application_id")
    }


def jwt_credentials(viewer: Membership, ids: Collection[str]) -> dict[str, str]:
    """A credential is shown below its owner."""
    if not viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY):
        return {}
    found = JwtCredential.objects.filter(pk__in=ids, organization=viewer.organization)
    return {
        str(pk): reverse("developer_credentials:detail", args=[owner_id, pk])
        for pk, owner_id in found.values_list("pk", "extension__user_id")
    }


def register_links() -> None:
    register("user", page_of_each(ConsolePermission.ORGANIZATION_VIEW, "organization:developer"))
    register(
        "application",
        page_of_each(ConsolePermission.APPLICATION_VIEW_ANY, "credentials:application"),
    )
    register("client", clients)
    register("jwtcredential", jwt_credentials)
    register("policy", page_of_all(ConsolePermission.POLICY_VIEW, "organization:policies"))
