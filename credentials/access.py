"""Object and right in one call: outsiders get 404, members without the right 403."""

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from accounts.access import member
from accounts.environments import Environment
from accounts.models import Membership, User
from accounts.roles import ConsolePermission
from credentials.models import Application, Client


def application_viewer(user: User | AnonymousUser) -> Membership:
    """The membership of a person who may see apps: their own, or all of the organization's."""
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
    """An app that the person may see, with the right to change it if asked for.

    To a developer, a colleague's app is as unknown as another organization's.
    """
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
    """The client of such an app in one environment, if it has been issued."""
    viewer, application = application_for(user, application_id, to_change=to_change)
    client = get_object_or_404(application.clients, environment=environment)
    client.application = application
    return viewer, client
