"""The table of grants: what each `grant_type` requires, reads and answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.environments import Environment
from credentials.models import Client
from credentials.models.standing import Standing
from credentials.oauth.grants import jwt_bearer, refresh_token
from credentials.oauth.parameters import Parameters

# Where the token endpoint leaves the grant type for whoever counts requests from outside.
GRANT_IN_ENVIRON = "console.grant_type"


@dataclass(frozen=True)
class Grant:
    required_parameters: tuple[str, ...]
    read: Callable[[str, Parameters], Standing]
    """What decides about it, for the client ID presented; nothing of it is verified yet."""
    answer: Callable[[Environment, Client, Parameters, Standing], dict[str, Any]]


GRANTS: dict[str, Grant] = {
    module.GRANT_TYPE: Grant(module.REQUIRED_PARAMETERS, module.read, module.grant)
    for module in (jwt_bearer, refresh_token)
}
