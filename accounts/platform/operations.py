"""The operations of all APIs of a platform, and which app scopes only read."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from accounts.platform import built_in, built_in_api
from accounts.platform.catalog import Operation, Platform

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def operations_by_api(platform: Platform) -> dict[tuple[str, str], tuple[Operation, ...]]:
    """By the ID and label of each API: its operations that need an access token."""
    own = {(built_in.API_ID, built_in.LABEL): built_in_api.OPERATIONS}
    described = {
        (api.id, api.label): tuple(each for each in api.operations if not each.is_open)
        for api in platform.apis.values()
    }
    return {**own, **described} if platform.built_in_api else described


@lru_cache(maxsize=8)
def reading_scopes(platform: Platform) -> tuple[str, ...]:
    """The app scopes that let apps read, and that together allow no operation that changes data.

    A scope that no operation uses isn't among them, because nothing says what it does.
    """
    operations = [each for group in operations_by_api(platform).values() for each in group]
    uses = _reading_uses(platform, filter(_is_safe, operations))
    changes = [scopes for each in operations if not _is_safe(each) for scopes in each.scopes]
    found = {scope for scope in uses if not _allowed_change(platform, {scope}, changes)}
    _keep_apart(platform, found, uses, changes)
    return tuple(scope for scope in platform.scopes if scope in found)


def _keep_apart(
    platform: Platform, found: set[str], uses: Counter[str], changes: list[frozenset[str]]
) -> None:
    # Where only several allow a change, the one goes that the fewest operations read with.
    while allowed := _allowed_change(platform, found, changes):
        together = [scope for scope in found if platform.included_scopes[scope] & allowed]
        found.remove(min(together, key=lambda scope: (uses[scope], scope)))


def _reading_uses(platform: Platform, operations: Iterable[Operation]) -> Counter[str]:
    """How many of these operations ask for each scope or for one that it includes."""
    asked_for = Counter(scope for each in operations for scope in _asked_for(each))
    uses = Counter[str]()
    for scope, included in platform.included_scopes.items():
        uses[scope] = sum(asked_for[each] for each in included)
    return +uses


def _is_safe(operation: Operation) -> bool:
    return operation.method in _SAFE_METHODS


def _asked_for(operation: Operation) -> frozenset[str]:
    return frozenset[str]().union(*operation.scopes)


def _allowed_change(
    platform: Platform, scopes: Iterable[str], changes: list[frozenset[str]]
) -> frozenset[str]:
    """The scopes of a change that these scopes allow; empty if they allow none."""
    # An operation without scopes depends on user permissions alone.
    held = platform.effective_scopes(scopes)
    return next((needed for needed in changes if needed and needed <= held), frozenset())
