"""One function for each event that people learn about, by email and by a notice in the console.

Actions call these inside their transaction, so a rollback also takes back the email and notice.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts import emails
from accounts.models import (
    AccessRequest,
    Device,
    Invitation,
    Membership,
    Notice,
    NoticeKind,
    Organization,
    User,
)


def tell(
    kind: NoticeKind,
    people: Iterable[User],
    context: dict[str, Any],
    *,
    path: str,
    by: User | None = None,
    at: datetime | None = None,
) -> None:
    """Queue an email to each of the people, and add a notice for everyone except `by`.

    `path` is the page that the event is about. The texts of the email get it as `url`.
    """
    # People also get the email about their own action, in case someone else acted in their name.
    told = list(people)
    context = {**context, "url": emails.absolute(path)}
    emails.queue(kind, [person.email for person in told], context)
    text = emails.rendered_line(f"emails/{kind}/notice", context)
    Notice.objects.bulk_create(
        Notice(user=person, kind=kind, text=text, path=path, at=at or timezone.now())
        for person in told
        if person != by
    )


def access_requested(request: AccessRequest, *, admins: Iterable[User]) -> None:
    tell(
        NoticeKind.ACCESS_REQUESTED,
        admins,
        {"request": request},
        path=reverse("accounts:access"),
        by=request.user,
        at=request.created_at,
    )


def access_decided(
    kind: NoticeKind, request: AccessRequest, membership: Membership | None = None
) -> None:
    tell(
        kind,
        [request.user],
        {"request": request, "membership": membership},
        path=reverse("dashboard"),
        by=request.decided_by,
        at=request.decided_at,
    )


def membership_changed(kind: NoticeKind, membership: Membership, actor: User) -> None:
    context = {"membership": membership, "user": membership.user, "actor": actor}
    # A page that people without console access can open too.
    tell(kind, [membership.user], context, path=reverse("accounts:my_profile"), by=actor)


def organization_suspended(organization: Organization) -> None:
    _tell_admins(NoticeKind.ORGANIZATION_SUSPENDED, organization)


def organization_resumed(organization: Organization) -> None:
    _tell_admins(NoticeKind.ORGANIZATION_RESUMED, organization)


def _tell_admins(kind: NoticeKind, organization: Organization) -> None:
    admins = organization.memberships.account_admins().select_related("user")
    tell(
        kind,
        [membership.user for membership in admins],
        {"organization": organization},
        path=reverse("dashboard"),
    )


def invitations_expired(inviter: User, invitations: list[Invitation], *, at: datetime) -> None:
    tell(
        NoticeKind.INVITATIONS_EXPIRED,
        [inviter],
        {"inviter": inviter, "invitations": invitations},
        path=f"{reverse('accounts:access')}#invitations",
        at=at,
    )


def new_device(device: Device) -> None:
    context = {
        "device": device,
        "user": device.user,
        "password_url": emails.absolute(reverse("account_change_password")),
    }
    tell(
        NoticeKind.NEW_DEVICE,
        [device.user],
        context,
        path=reverse("usersessions_list"),
        at=device.first_seen_at,
    )


def failed_sign_ins(user: User, count: int) -> None:
    context = {
        "user": user,
        "count": count,
        "password_url": emails.absolute(reverse("account_change_password")),
    }
    tell(NoticeKind.FAILED_SIGN_INS, [user], context, path=reverse("mfa_index"))


def second_factor_reset(user: User, removed: str) -> None:
    # The operator did this because someone asked in the person's name, so the person must know.
    context = {
        "user": user,
        "removed": removed,
        "password_url": emails.absolute(reverse("account_change_password")),
    }
    tell(NoticeKind.SECOND_FACTOR_RESET, [user], context, path=reverse("mfa_index"))
