"""Which APIs the reference describes, and what each operation needs, in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404

from accounts.environments import Environment
from accounts.platform.catalog import Api, Operation, Scope
from console.reference.rest_api import rest_api


@dataclass(frozen=True)
class Server:
    """The URL of an API in one environment, and where apps get access tokens for it."""

    environment: Environment
    url: str

    @property
    def token_endpoint(self) -> str:
        return self.environment.urls.token_endpoint


def described_apis() -> dict[str, Api]:
    """By ID: the built-in API, if the platform has it, and those of the platform file."""
    platform = settings.PLATFORM
    built_in = [rest_api()] if platform.built_in_api else []
    return {api.id: api for api in [*built_in, *platform.apis.values()]}


def api_or_404(api_id: str) -> Api:
    try:
        return described_apis()[api_id]
    except KeyError as error:
        raise Http404 from error


def operation_or_404(api: Api, operation_id: str) -> Operation:
    found = (operation for operation in api.operations if operation.id == operation_id)
    if (operation := next(found, None)) is None:
        raise Http404
    return operation


def servers_of(api: Api) -> list[Server]:
    return [Server(each, api.servers[each]) for each in Environment if each in api.servers]


def scope_alternatives(operation: Operation) -> list[list[Scope]]:
    """Lists of scopes, in the order of the file. A call needs all scopes of one list.

    Empty if a call needs no scope.
    """
    if not all(operation.scopes):
        return []
    return [_in_order(scopes) for scopes in operation.scopes]


def scopes_in_words(operation: Operation) -> str:
    alternatives = scope_alternatives(operation)
    return " or ".join(" and ".join(scope.label for scope in each) for each in alternatives)


def _in_order(scopes: Iterable[str]) -> list[Scope]:
    wanted = frozenset(scopes)
    return [scope for scope in settings.PLATFORM.scopes.values() if scope.id in wanted]
