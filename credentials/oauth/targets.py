"""The APIs that an access token is for, and the granted scopes that it gets (RFC 8707)."""

from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from accounts.environments import Environment
from accounts.platform import built_in
from accounts.platform.catalog import Platform
from credentials.actions.tokens import Audience
from credentials.oauth.checks import Exchange
from credentials.oauth.errors import InvalidTarget

_BUILT_IN_SCOPES = frozenset(built_in.SCOPES)


@dataclass(frozen=True, slots=True)
class Target:
    audience: Audience
    scopes: frozenset[str]


def target_of(exchange: Exchange, granted: frozenset[str], resource: str | None) -> Target:
    """The target of a token. Raises `InvalidTarget`.

    Without a resource, the token is for the REST API of the environment and for every API that uses
    one of the granted scopes. With a resource, only that API accepts the token, which gets the
    scopes that the API's operations need, and those that they include.
    """
    if resource is None:
        return _of_all_apis(settings.PLATFORM, exchange.environment.urls.rest_api, granted)
    asked_for = _scopes_by_resource(exchange.environment).get(resource)
    if asked_for is None:
        raise InvalidTarget(resource).about(credential_id=str(exchange.credential.pk))
    return Target(resource, settings.PLATFORM.effective_scopes(granted & asked_for))


# Large enough for all sets of scopes that the apps of an installation have.
@lru_cache(maxsize=1024)
def _of_all_apis(platform: Platform, rest_api: str, granted: frozenset[str]) -> Target:
    by_audience = platform.scopes_by_audience.items()
    others = [audience for audience, asked_for in by_audience if asked_for & granted]
    return Target((rest_api, *others) if others else rest_api, granted)


def resources(environment: Environment) -> list[str]:
    """The audiences of all APIs of the platform in this environment."""
    return list(_scopes_by_resource(environment))


def _scopes_by_resource(environment: Environment) -> dict[str, frozenset[str]]:
    platform = settings.PLATFORM
    own = {environment.urls.rest_api: _BUILT_IN_SCOPES} if platform.built_in_api else {}
    return {**own, **platform.scopes_by_audience}
