"""The table of grants: what each `grant_type` requires and answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.environments import Environment
from credentials.oauth.grants import jwt_bearer, refresh_token
from credentials.oauth.parameters import BasicCredentials, Parameters

# Where the token endpoint leaves the grant type for whoever counts requests from outside.
GRANT_IN_ENVIRON = "console.grant_type"


@dataclass(frozen=True)
class Grant:
    required_parameters: tuple[str, ...]
    answer: Callable[[Environment, BasicCredentials | None, Parameters], dict[str, Any]]
    """The token response to what a client presents, with all parameters there.

    Raises an `OAuthError`.
    """


GRANTS: dict[str, Grant] = {
    jwt_bearer.GRANT_TYPE: Grant(jwt_bearer.REQUIRED_PARAMETERS, jwt_bearer.exchange),
    refresh_token.GRANT_TYPE: Grant(refresh_token.REQUIRED_PARAMETERS, refresh_token.refresh),
}
