"""What a refused request of either API says about itself, for its record."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self


class CheckName(StrEnum):
    LIMIT = "limit"
    OPERATION = "operation"
    REQUEST = "request"
    CLIENT = "client"
    FLOW = "flow"
    SIGNATURE = "signature"
    ENVIRONMENT = "environment"
    AUDIENCE = "audience"
    TOKEN = "token"
    SESSION = "session"
    REVOCATION = "revocation"
    EXPIRY = "expiry"
    PAUSE = "pause"
    APP_ACCESS = "app_access"
    OWNER = "owner"
    POLICY = "policy"
    NETWORK = "network"
    SCOPE = "scope"
    CEILING = "ceiling"
    PERMISSION = "permission"


class Reason(StrEnum):
    """Why a check failed that can fail for several reasons. Only the record holds it."""

    UNKNOWN_CLIENT = "unknown_client"
    WRONG_SECRET = "wrong_secret"
    SUSPENDED = "suspended"
    SUSPENDED_BY_OPERATOR = "suspended_by_operator"
    OTHER_ENVIRONMENT = "other_environment"
    NO_REFRESH_TOKENS = "no_refresh_tokens"
    CREDENTIAL_AS_TOKEN = "credential_as_token"
    OTHER_AUDIENCE = "other_audience"
    TOO_MANY_SCOPES = "too_many_scopes"
    NOTHING_WITHIN_CEILING = "nothing_within_ceiling"
    UNKNOWN_TOKEN = "unknown_token"
    EXPIRED_TOKEN = "expired_token"
    SESSION_ENDED = "session_ended"
    USED_TWICE = "used_twice"
    CREDENTIAL_GONE = "credential_gone"
    NOT_A_RESOURCE_SERVER = "not_a_resource_server"
    REFUSED_BY_API = "refused_by_api"
    GATEWAY_SETUP = "gateway_setup"
    AMBIGUOUS_REQUEST = "ambiguous_request"
    # What the text of a JWT, a token or a secret shows by itself: credentials/damage.py.
    SCHEME_IN_SECRET = "scheme_in_secret"
    QUOTED = "quoted"
    BLANKS_INSIDE = "blanks_inside"
    LINE_BREAK_AT_END = "line_break_at_end"
    BLANKS_AROUND = "blanks_around"
    PERCENT_ENCODED = "percent_encoded"
    INVISIBLE_CHARACTER = "invisible_character"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class RefusalFacts:
    """What is certain about a refused request. It never holds a token or a secret."""

    check: str = ""
    reason: str = ""
    client_id: str = ""
    is_authentic: bool = False
    """Whether the client proved its identity, or presented a token that we issued to it."""
    credential_id: str = ""
    """Of a credential, or of a token, with our signature."""
    missing: str = ""
    """The app scope or user permission that was missing."""
    api: str = ""
    """The API of the platform file that was called; empty for the built-in one."""
    operation: str = ""
    method: str = ""
    path: str = ""
    """The path template of the operation, and the method of the call."""


class RefusedRequest(Exception):
    code: str
    message: str
    hint = ""
    """What is wrong with the text of a JWT, a token or a secret, whether or not it's genuine."""
    facts = RefusalFacts()

    def about(self, **facts: Any) -> Self:
        # Facts that are set already come from closer to the cause, so they stay.
        blank = {name: fact for name, fact in facts.items() if not getattr(self.facts, name)}
        self.facts = replace(self.facts, **blank)
        return self

    @property
    def full_message(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    @property
    def recorded_message(self) -> str:
        """The message without anything that the caller sent."""
        return self.full_message
