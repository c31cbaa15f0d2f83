"""Object and right in one call: outsiders get 404, members without the right 403."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.access import colleague, member
from accounts.environments import Environment
from accounts.models import Membership, User
from accounts.roles import ConsolePermission
from credentials.models import Application, Client, JwtCredential


def application_viewer(user: User | AnonymousUser) -> Membership:
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    if not (
        viewer.may(ConsolePermission.APPLICATION_VIEW_OWN)
        or viewer.may(ConsolePermission.APPLICATION_VIEW_ANY)
    ):
        raise PermissionDenied
    return viewer


def application_for(
    user: User | AnonymousUser, application_id: object, *, to_change: bool = False
) -> tuple[Membership, Application]:
    # To a developer, a colleague's app is as unknown as another organization's.
    viewer = application_viewer(user)
    application = get_object_or_404(
        Application.objects.visible_to(viewer).select_related("organization", "owner"),
        pk=application_id,
    )
    if to_change and not application.managed_by(viewer):
        raise PermissionDenied
    return viewer, application


def client_for(
    user: User | AnonymousUser,
    application_id: object,
    environment: Environment,
    *,
    to_change: bool = False,
) -> tuple[Membership, Client]:
    viewer, application = application_for(user, application_id, to_change=to_change)
    client = get_object_or_404(application.clients, environment=environment)
    client.application = application
    return viewer, client


@dataclass(frozen=True)
class CredentialOwner:
    """Whose credentials a request is about, and where the pages of that owner are.

    The credential pages are mounted twice: under My credentials, and under Organization for the
    Developer Admins and Auditors of the owner's organization.
    """

    viewer: Membership
    owner: Membership
    through_organization: bool

    @property
    def is_own(self) -> bool:
        return self.owner == self.viewer

    @property
    def may_manage(self) -> bool:
        needed = (
            ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN
            if self.is_own
            else ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY
        )
        return self.viewer.may(needed)

    def url(self, name: str, credential: JwtCredential | None = None) -> str:
        kwargs: dict[str, object] = {}
        namespace = "my_credentials"
        if self.through_organization:
            namespace = "developer_credentials"
            kwargs["user_id"] = self.owner.user_id
        if credential is not None:
            kwargs["credential_id"] = credential.pk
        return reverse(f"{namespace}:{name}", kwargs=kwargs)


def owner_for(
    user: User | AnonymousUser, user_id: UUID | None, *, manage: bool = False
) -> CredentialOwner:
    """The owner in the URL, if this person may see (or `manage`) their credentials.

    Another organization's person is a 404, a colleague without the right a 403.
    """
    if user_id is None:
        viewer = member(user, ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN)
        return CredentialOwner(viewer, viewer, through_organization=False)
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    owner = colleague(viewer, user_id)
    needed = (
        ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY
        if manage
        else ConsolePermission.JWT_CREDENTIAL_VIEW_ANY
    )
    if not viewer.may(needed):
        raise PermissionDenied
    return CredentialOwner(viewer, owner, through_organization=True)


def jwt_credential_for(
    user: User | AnonymousUser,
    user_id: UUID | None,
    credential_id: UUID,
    *,
    manage: bool = False,
) -> tuple[CredentialOwner, JwtCredential]:
    owner = owner_for(user, user_id, manage=manage)
    credentials = JwtCredential.objects.of(owner.owner).with_facts()
    return owner, get_object_or_404(credentials, pk=credential_id)


# These two ask rows that were read already. `ApplicationQuerySet.visible_to` and `is_visible_to`
# ask the database, and tests/credentials/test_access.py compares them.
def sees_client(viewer: Membership, client: Client | None) -> bool:
    if client is None:
        return False
    if viewer.may(ConsolePermission.APPLICATION_VIEW_ANY):
        return client.application.organization_id == viewer.organization_id
    return client.application.owner_id == viewer.user_id


def sees_credential(viewer: Membership, credential: JwtCredential | None) -> bool:
    if credential is None:
        return False
    if viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY):
        return credential.organization_id == viewer.organization_id
    return credential.extension.user_id == viewer.user_id
