from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.environments import Environment
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import CheckName


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One way to get an access token, with everything that others need to know about it."""

    grant_type: str
    required_parameters: tuple[str, ...]
    answer: Callable[[Environment, BasicCredentials | None, Parameters], dict[str, Any]]
    """The token response (RFC 6749 §5.1), with all required parameters there.

    Raises an `OAuthError`.
    """
    kind: str
    """What its refusals are recorded as, in 20 characters at most."""
    label: str
    """What pages call a request for it."""
    metric: str
    """What the metrics call it."""
    checks: tuple[CheckName, ...]
    """Its checks, in their order."""
    titles: Mapping[CheckName, str] = field(default_factory=dict)
    """Of checks that require something else than those of other grants."""
