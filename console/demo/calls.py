"""The requests that the demo and `seed_load` record as refused."""

from dataclasses import dataclass

from django.conf import settings

from accounts.environments import Environment
from accounts.platform import built_in
from accounts.platform.catalog import Api, Operation
from credentials.models.refusals import RefusedWhat


@dataclass(frozen=True)
class RefusedPath:
    """The request in the record of a refusal."""

    method: str
    path: str
    what: RefusedWhat
    api: str = ""
    """Empty for the built-in API."""
    operation: str = ""
    needed: tuple[str, ...] = ()
    """One alternative of the app scopes that the call needs."""
    permission: str = ""

    @classmethod
    def of(cls, api: Api, operation: Operation) -> "RefusedPath":
        return cls(
            operation.method,
            operation.path,
            RefusedWhat.GATEWAY,
            api.id,
            operation.id,
            tuple(sorted(operation.lacking(frozenset()))),
            operation.permission,
        )


EXCHANGE = RefusedPath("POST", "/restapi/oauth/token", RefusedWhat.EXCHANGE)
VERIFICATION = RefusedPath("GET", "/restapi/oauth/verify", RefusedWhat.VERIFY)
_ACCOUNT = "/restapi/v1.0/account/{accountId}"
READ_ACCOUNT = RefusedPath(
    "GET",
    _ACCOUNT,
    RefusedWhat.CALL,
    operation="get-account",
    needed=(built_in.READ_ACCOUNTS,),
)
CHANGE_ADDRESS = RefusedPath(
    "PUT", f"{_ACCOUNT}/business-address", RefusedWhat.CALL, operation="put-business-address"
)


def protected_calls(environment: Environment) -> list[RefusedPath]:
    """The operations in the platform file that need a token, in the order of the file."""
    return [
        RefusedPath.of(api, operation)
        for api in settings.PLATFORM.apis.values()
        if environment in api.servers
        for operation in api.operations
        if not operation.is_open
    ]
