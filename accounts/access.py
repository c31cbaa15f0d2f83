"""An object and the right to it in one call. Outsiders get 404, members without the right 403."""

from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from accounts.models import (
    AccessRequest,
    Extension,
    Invitation,
    Membership,
    Organization,
    User,
)
from accounts.roles import ConsolePermission


class NoConsoleAccess(PermissionDenied):
    """The person can't use the console at all. The 403 page offers to request access."""


class NotOperator(PermissionDenied):
    """Only operators can do this. No account administrator can change that."""


class OrganizationSuspended(PermissionDenied):
    """An operator suspended the organization of the person."""


def membership_of(user: User | AnonymousUser) -> Membership | None:
    """The membership of a signed-in person; None for operators and anonymous visitors."""
    if not isinstance(user, User):
        return None
    # Every page needs both rows, so one query reads them, once for each request.
    relation = User.membership.related
    if not relation.is_cached(user):
        found = Membership.objects.select_related("organization").filter(user=user).first()
        if found is not None:
            found.user = user
        relation.set_cached_value(user, found)
    return cast(Membership | None, relation.get_cached_value(user))


def person(user: User | AnonymousUser) -> User:
    # For pages about the person rather than the console.
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def operator(user: User | AnonymousUser) -> User:
    """A person who runs the installation (`manage.py make_operator`), of any organization."""
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        raise NotOperator
    return user


def organization_for(user: User | AnonymousUser, organization_id: object) -> Organization:
    """Any organization, for operators."""
    operator(user)
    return get_object_or_404(Organization, pk=organization_id)


def member(user: User | AnonymousUser, permission: ConsolePermission) -> Membership:
    membership = membership_of(user)
    if membership is None or not membership.has_console_access:
        raise NoConsoleAccess
    if membership.organization.is_suspended:
        raise OrganizationSuspended
    if not membership.may(permission):
        raise PermissionDenied
    return membership


def colleague(viewer: Membership, user_id: object) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user", "organization"),
        user_id=user_id,
        organization=viewer.organization,
    )


def extension_for(user: User | AnonymousUser, extension_id: int) -> tuple[Membership, Extension]:
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    extension = get_object_or_404(
        Extension.objects.select_related("account__organization", "user"),
        id=extension_id,
        account__organization=viewer.organization,
    )
    return _if_allowed(viewer, ConsolePermission.EXTENSION_MANAGE), extension


def person_for(user: User | AnonymousUser, user_id: object) -> tuple[Membership, Membership]:
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    person = colleague(viewer, user_id)
    return _if_allowed(viewer, ConsolePermission.ACCESS_MANAGE), person


def access_request_for(
    user: User | AnonymousUser, request_id: object
) -> tuple[Membership, AccessRequest]:
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    requests = viewer.organization.access_requests
    request = get_object_or_404(
        requests.select_related("organization", "user", "decided_by"), pk=request_id
    )
    return _if_allowed(viewer, ConsolePermission.ACCESS_MANAGE), request


def invitation_for(
    user: User | AnonymousUser, invitation_id: object
) -> tuple[Membership, Invitation]:
    viewer = member(user, ConsolePermission.CONSOLE_USE)
    invitations = viewer.organization.invitations.select_related("organization")
    invitation = get_object_or_404(invitations, pk=invitation_id)
    return _if_allowed(viewer, ConsolePermission.ACCESS_MANAGE), invitation


def _if_allowed(viewer: Membership, permission: ConsolePermission) -> Membership:
    # Asked after the object was found, so that other organizations' objects stay 404 for everyone.
    if not viewer.may(permission):
        raise PermissionDenied
    return viewer
