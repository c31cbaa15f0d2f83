"""The console pages that audit events link to.

`accounts` knows its own pages. `credentials` registers pages for the targets that only it knows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from django.urls import reverse

from accounts.models import AuditEvent, Membership
from accounts.roles import ConsolePermission

Target = tuple[str, str]
Resolver = Callable[[Membership, Collection[str]], Mapping[str, str]]
"""The addresses of these targets by ID, without those that the viewer can't open."""

_RESOLVERS: dict[str, Resolver] = {}


def register(target_type: str, resolver: Resolver) -> None:
    _RESOLVERS[target_type] = resolver


def links_of(viewer: Membership, events: Iterable[AuditEvent]) -> dict[Target, str]:
    # At most one query per type of target, because a page lists many events.
    ids: dict[str, set[str]] = {}
    for event in events:
        ids.setdefault(event.target_type, set()).add(event.target_id)
    return {
        (target_type, target_id): url
        for target_type, found in ids.items()
        if target_type in _RESOLVERS
        for target_id, url in _RESOLVERS[target_type](viewer, found).items()
    }


def page_of_each(permission: ConsolePermission, name: str) -> Resolver:

    def resolve(viewer: Membership, ids: Collection[str]) -> dict[str, str]:
        return {pk: reverse(name, args=[pk]) for pk in ids} if viewer.may(permission) else {}

    return resolve


def page_of_all(permission: ConsolePermission, name: str) -> Resolver:

    def resolve(viewer: Membership, ids: Collection[str]) -> dict[str, str]:
        return dict.fromkeys(ids, reverse(name)) if viewer.may(permission) else {}

    return resolve


register("extension", page_of_each(ConsolePermission.EXTENSION_MANAGE, "accounts:change_extension"))
register("invitation", page_of_all(ConsolePermission.ACCESS_VIEW, "accounts:access"))
register("accessrequest", page_of_all(ConsolePermission.ACCESS_VIEW, "accounts:access"))
