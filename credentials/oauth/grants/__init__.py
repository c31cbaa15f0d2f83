"""The table of grants: `grant_type` to what requires its parameters and answers it."""

from collections.abc import Callable
from typing import Any

from accounts.environments import Environment
from credentials.models import Client
from credentials.oauth.grants import jwt_bearer, refresh_token
from credentials.oauth.parameters import Parameters

Grant = Callable[[Environment, Client, Parameters], dict[str, Any]]

# Where the token endpoint leaves the grant type for whoever counts requests from outside.
GRANT_IN_ENVIRON = "console.grant_type"
REQUIRED_PARAMETERS: dict[str, tuple[str, ...]] = {
    jwt_bearer.GRANT_TYPE: jwt_bearer.REQUIRED_PARAMETERS,
    refresh_token.GRANT_TYPE: refresh_token.REQUIRED_PARAMETERS,
}
GRANTS: dict[str, Grant] = {
    jwt_bearer.GRANT_TYPE: jwt_bearer.grant,
    refresh_token.GRANT_TYPE: refresh_token.grant,
}
