"""The operations of the built-in REST API, as a APIs of a platform file have theirs.

console/api/calls.py runs them. Two more of the API, its version and its status, need no token.
"""

from accounts.platform import built_in
from accounts.platform.catalog import Operation

VERSION = "v1.0"
_ACCOUNT = "/account/{account_id}"
_EXTENSION = f"{_ACCOUNT}/extension/{{extension_id}}"


def _operation(
    operation_id: str,
    method: str,
    path: str,
    summary: str,
    *,
    group: str = "Medium",
    scope: str = "",
    permission: str = "",
) -> Operation:
    return Operation(
        operation_id,
        method,
        f"/restapi/{VERSION}{path}",
        scopes=(frozenset({scope}),) if scope else (),
        permission=permission,
        limit_group=group,
        summary=summary,
    )


OPERATIONS: tuple[Operation, ...] = (
    _operation(
        "get-account",
        "GET",
        _ACCOUNT,
        "Company account",
        group="Light",
        scope=built_in.READ_ACCOUNTS,
        permission=built_in.READ_COMPANY_INFO,
    ),
    _operation(
        "get-business-address",
        "GET",
        f"{_ACCOUNT}/business-address",
        "Business address",
        group="Light",
        scope=built_in.READ_ACCOUNTS,
        permission=built_in.READ_COMPANY_INFO,
    ),
    _operation(
        "put-business-address",
        "PUT",
        f"{_ACCOUNT}/business-address",
        "Change the business address",
        scope=built_in.EDIT_ACCOUNTS,
        permission=built_in.EDIT_COMPANY_INFO,
    ),
    _operation(
        "list-extensions",
        "GET",
        f"{_ACCOUNT}/extension",
        "Extensions",
        scope=built_in.READ_ACCOUNTS,
        permission=built_in.READ_EXTENSIONS,
    ),
    _operation(
        "get-extension",
        "GET",
        _EXTENSION,
        "Extension",
        group="Light",
        scope=built_in.READ_ACCOUNTS,
    ),
    _operation(
        "put-extension",
        "PUT",
        _EXTENSION,
        "Change an extension’s contact details",
        scope=built_in.EDIT_EXTENSIONS,
        permission=built_in.EDIT_OWN_USER_INFO,
    ),
    _operation(
        "get-authz-profile",
        "GET",
        f"{_EXTENSION}/authz-profile",
        "The caller’s user permissions",
    ),
    _operation(
        "check-authz-profile",
        "GET",
        f"{_EXTENSION}/authz-profile/check",
        "Check one of the caller’s user permissions",
    ),
)
BY_ID = {operation.id: operation for operation in OPERATIONS}
