"""The checks that each kind of request goes through, in their order, and on whose side each lies.

Titles come from the checks that the APIs make, so that a page can't tell another story.
"""

from dataclasses import dataclass

from credentials.explain.dry_run import BEFORE_STATE
from credentials.models.refusals import RefusedWhat
from credentials.oauth.checks import CHECKS
from credentials.refused import CheckName

STATE = {check.name: check.title for check in CHECKS}
BEFORE: dict[CheckName, str] = {check.name: check.title for check in BEFORE_STATE}
_REQUEST = {CheckName.REQUEST: "The request has the right shape"}
_SECRET = {CheckName.CLIENT: "The client is known and active here, and its secret is right"}
_LIMIT = {CheckName.LIMIT: "The user and the app are within their rate limit"}
ASKED_AT_CALLS = {
    CheckName.SCOPE: "The app has the scope",
    CheckName.PERMISSION: "The user has the permission",
}
EXCHANGE: dict[CheckName, str] = (
    _REQUEST
    | _SECRET
    | _LIMIT
    | {name: title for name, title in BEFORE.items() if name not in _SECRET}
    | {CheckName.ENVIRONMENT: "The credential is of this environment"}
    | STATE
    | ASKED_AT_CALLS
)
_REFRESH = (
    _REQUEST
    | _SECRET
    | {
        CheckName.FLOW: "The app uses the JWT auth flow and issues refresh tokens",
    }
    | _LIMIT
    | {
        CheckName.TOKEN: "The refresh token stands and is used for the first time",
    }
    | STATE
    | {CheckName.SCOPE: ASKED_AT_CALLS[CheckName.SCOPE]}
)
_BEARER = {
    CheckName.REQUEST: "The call carries an access token in its Authorization header",
    CheckName.SIGNATURE: "The access token is one of ours",
    CheckName.ENVIRONMENT: "The access token is of this environment",
    CheckName.TOKEN: "The access token has not expired",
    CheckName.SESSION: "The session that the token belongs to has not ended",
    CheckName.CLIENT: BEFORE[CheckName.CLIENT],
} | STATE
# The checks that each kind of request goes through, in their order.
WALKS: dict[str, dict[CheckName, str]] = {
    RefusedWhat.EXCHANGE: EXCHANGE,
    RefusedWhat.REFRESH: _REFRESH,
    RefusedWhat.CLIENT_REQUEST: _REQUEST | _SECRET | _LIMIT,
    RefusedWhat.CALL: _BEARER | _LIMIT | ASKED_AT_CALLS,
    RefusedWhat.VERIFY: _BEARER,
}

# What failed, in words for headings and lists.
FAILED: dict[CheckName | None, str] = {
    CheckName.LIMIT: "There were too many requests",
    CheckName.REQUEST: "The request does not have the right shape",
    CheckName.CLIENT: "The client could not be authenticated",
    CheckName.FLOW: "The app does not use this flow",
    CheckName.SIGNATURE: "The token is not one of ours",
    CheckName.ENVIRONMENT: "It belongs to the other environment",
    CheckName.TOKEN: "The token is no longer valid",
    CheckName.SESSION: "The session has ended",
    CheckName.REVOCATION: "The credential has been revoked",
    CheckName.EXPIRY: "The credential has expired",
    CheckName.APP_ACCESS: "The app is not permitted to use the credential",
    CheckName.OWNER: "The credential's owner may not authenticate",
    CheckName.POLICY: "A policy of the organization forbids it",
    CheckName.NETWORK: "The app calls from a network that is not allowed",
    CheckName.SCOPE: "The app lacks the scope",
    CheckName.PERMISSION: "The user lacks the permission",
    None: "The request was refused",
}
CREDENTIAL_REFUSED = "The credential's side refused; ask its owner"
APP_REFUSED = "The app's side refused; ask its owner"

APP_SIDE = frozenset(
    {CheckName.REQUEST, CheckName.CLIENT, CheckName.LIMIT, CheckName.FLOW, CheckName.SCOPE}
)
# A token belongs to the app that holds it and to the credential that it comes from.
OF_BOTH = frozenset({CheckName.TOKEN, CheckName.SESSION})


@dataclass(frozen=True)
class Step:
    """One check, or all of the other side: `pass`, `fail`, or `skip` for not reached."""

    title: str
    result: str
    detail: str = ""
    code: str = ""


@dataclass(frozen=True)
class Sight:
    """What of a request one person may see."""

    app: bool
    credential: bool

    def of(self, check: CheckName | None, *, is_call: bool) -> bool:
        if check is None:
            return self.app or self.credential
        if check in OF_BOTH or (is_call and check in (CheckName.SIGNATURE, CheckName.ENVIRONMENT)):
            return self.app or self.credential
        return self.app if check in APP_SIDE else self.credential
