"""What both APIs share when they refuse: names of the checks, and what is certain. Pure."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

# Client IDs as we make them; a secret or a token pasted in their place has another shape.
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{22}")


class CheckName(StrEnum):
    """One condition of a request; in the words of `docs/how-to/find-out-why-a-call-failed.md`."""

    LIMIT = "limit"
    REQUEST = "request"
    CLIENT = "client"
    FLOW = "flow"
    SIGNATURE = "signature"
    ENVIRONMENT = "environment"
    TOKEN = "token"
    SESSION = "session"
    REVOCATION = "revocation"
    EXPIRY = "expiry"
    APP_ACCESS = "app_access"
    OWNER = "owner"
    POLICY = "policy"
    NETWORK = "network"
    SCOPE = "scope"
    PERMISSION = "permission"


class Reason(StrEnum):
    """Why a check failed that can fail for several reasons; the answer does not say it."""

    UNKNOWN_CLIENT = "unknown_client"
    WRONG_SECRET = "wrong_secret"
    SUSPENDED = "suspended"
    OTHER_ENVIRONMENT = "other_environment"
    NO_REFRESH_TOKENS = "no_refresh_tokens"
    CREDENTIAL_AS_TOKEN = "credential_as_token"
    UNKNOWN_TOKEN = "unknown_token"
    EXPIRED_TOKEN = "expired_token"
    SESSION_ENDED = "session_ended"
    USED_TWICE = "used_twice"
    CREDENTIAL_GONE = "credential_gone"


@dataclass(frozen=True, slots=True)
class Known:
    """What is certain about a refused request, for its record. No token and no secret."""

    check: str = ""
    reason: str = ""
    client_id: str = ""
    is_authentic: bool = False
    """Whether the client proved who it is, or the token is one that we issued to it."""
    credential_id: str = ""
    """Of a credential, or of a token, whose signature is ours."""
    missing: str = ""
    """The app scope or user permission that was lacking."""


class RefusedRequest(Exception):
    """A request that one of the APIs refuses; carries what its record will say."""

    code: str
    message: str
    known = Known()

    def about(self, **facts: Any) -> Self:
        """Add facts; what is known already was found closer to the cause and stays."""
        blank = {name: fact for name, fact in facts.items() if not getattr(self.known, name)}
        self.known = replace(self.known, **blank)
        return self

    @property
    def recorded_message(self) -> str:
        """The message as it may be kept: without what the caller sent."""
        return self.message


def client_id_or_nothing(presented: str) -> str:
    """What was presented as client ID, if it has the shape of one."""
    if not _CLIENT_ID.fullmatch(presented):
        return ""
    return presented
