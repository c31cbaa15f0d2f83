"""The calls of an API by environment, as the operators' page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.environments import Environment
from accounts.platform import built_in
from accounts.platform.catalog import Api
from console.operator.causes import RefusalCause, refusal_causes
from console.reference.apis import Server, servers_of
from credentials.reports.api_calls import ApiCalls, CallTally


@dataclass(frozen=True)
class Gateway:
    """The server of an API in one environment, and the URL that its gateway asks."""

    server: Server
    verify_url: str
    """Empty for the built-in API, which needs no gateway."""


@dataclass(frozen=True)
class CauseRow:
    cause: RefusalCause
    counts: Sequence[tuple[Environment, int]]


@dataclass(frozen=True)
class CallTable:
    """A column for each environment of the API."""

    tallies: Mapping[Environment, CallTally]
    causes: Sequence[CauseRow]
    unlisted: int
    """Calls and refusals for operations that the document doesn't describe."""

    @property
    def columns(self) -> int:
        return len(self.tallies) + 1

    @property
    def is_empty(self) -> bool:
        return all(tally.is_empty for tally in self.tallies.values())


def call_table(api: Api, calls: ApiCalls) -> CallTable:
    environments = [server.environment for server in servers_of(api)]
    listed = {operation.id for operation in api.operations}
    return CallTable(
        {each: calls.by_environment.get(each, CallTally()) for each in environments},
        [
            CauseRow(cause, [(each, cause.by_environment.get(each, 0)) for each in environments])
            for cause in refusal_causes(calls.refusals)
        ],
        sum(
            tally.counted + tally.refused - tally.counted_refusals + tally.refused_by_api
            for operation, tally in calls.by_operation.items()
            if operation not in listed
        ),
    )


def gateways_of(api: Api) -> list[Gateway]:
    return [Gateway(server, _verify_url(api, server)) for server in servers_of(api)]


def _verify_url(api: Api, server: Server) -> str:
    if api.id == built_in.API_ID:
        return ""
    return f"{server.environment.urls.base_url}/restapi/oauth/verify?api={api.id}"
