"""What pages say about each check, and about each reason why one failed."""

from dataclasses import dataclass
from enum import StrEnum

from credentials.damage import DAMAGES
from credentials.refused import CheckName, Reason


class Side(StrEnum):
    """The people who can see the result of a check."""

    APP = "app"
    CREDENTIAL = "credential"
    # A token belongs to the app that holds it and to the credential that it comes from.
    EITHER = "either"


@dataclass(frozen=True, kw_only=True)
class CheckText:
    title: str
    """What must hold."""
    failed: str
    """The headline when it doesn't."""
    side: Side = Side.CREDENTIAL
    title_in_call: str = ""
    """The same for a call, where that is something else."""
    side_in_call: Side | None = None


CHECK_TEXTS: dict[CheckName, CheckText] = {
    CheckName.REQUEST: CheckText(
        title="The request has the right format",
        title_in_call="The call has an access token in its Authorization header",
        failed="The request has the wrong format",
        side=Side.APP,
    ),
    CheckName.OPERATION: CheckText(
        title="The operation is part of the API",
        failed="The operation isn’t part of the API",
        side=Side.APP,
    ),
    CheckName.LIMIT: CheckText(
        title="The user and the app are within their rate limit",
        failed="Too many requests",
        side=Side.APP,
    ),
    CheckName.CLIENT: CheckText(
        title="The client ID is active and the client secret is right",
        title_in_call="The client ID is active",
        failed="Client authentication failed",
        side=Side.APP,
    ),
    CheckName.FLOW: CheckText(
        title="The app uses the JWT auth flow",
        failed="The app doesn’t use this flow",
        side=Side.APP,
    ),
    CheckName.SIGNATURE: CheckText(
        title="This server signed the JWT",
        title_in_call="This server signed the access token",
        failed="This server didn’t sign the token",
        side_in_call=Side.EITHER,
    ),
    CheckName.ENVIRONMENT: CheckText(
        title="The credential belongs to this environment",
        title_in_call="The access token belongs to this environment",
        failed="Wrong environment",
        side_in_call=Side.EITHER,
    ),
    CheckName.AUDIENCE: CheckText(
        title="The resource is an API of this platform",
        title_in_call="The access token is for this API",
        failed="The resource isn’t an API of this platform",
        side=Side.APP,
        side_in_call=Side.EITHER,
    ),
    CheckName.TOKEN: CheckText(
        title="The access token hasn’t expired",
        failed="The token is no longer valid",
        side=Side.EITHER,
    ),
    CheckName.SESSION: CheckText(
        title="The token’s session hasn’t ended",
        failed="The session has ended",
        side=Side.EITHER,
    ),
    CheckName.REVOCATION: CheckText(
        title="The credential hasn’t been revoked",
        failed="The credential has been revoked",
    ),
    CheckName.EXPIRY: CheckText(
        title="The credential hasn’t expired",
        failed="The credential has expired",
    ),
    CheckName.PAUSE: CheckText(
        title="The credential isn’t paused",
        failed="The credential is paused",
    ),
    CheckName.APP_ACCESS: CheckText(
        title="The app is allowed to use the credential",
        failed="The app isn’t allowed to use the credential",
    ),
    CheckName.OWNER: CheckText(
        title="The credential’s owner can authenticate",
        failed="The credential’s owner can’t authenticate",
    ),
    CheckName.POLICY: CheckText(
        title="The organization policy allows the credential",
        failed="The organization policy doesn’t allow the credential",
    ),
    CheckName.NETWORK: CheckText(
        title="The app calls from an allowed network",
        failed="The app calls from a network that isn’t allowed",
    ),
    CheckName.SCOPE: CheckText(
        title="The app has the requested app scopes",
        title_in_call="The app has the app scope",
        failed="The app doesn’t have the app scope",
        side=Side.APP,
    ),
    CheckName.CEILING: CheckText(
        title="The credential’s ceiling includes app scopes for the app",
        title_in_call="The credential’s ceiling includes the app scope",
        failed="The credential’s ceiling doesn’t include the app scope",
    ),
    CheckName.PERMISSION: CheckText(
        title="The user has the user permission",
        failed="The user doesn’t have the user permission",
    ),
}

REFUSED = "The request was refused"
APP_REFUSED = "A check of the app failed. Ask the app’s owner."
CREDENTIAL_REFUSED = "A check of the credential failed. Ask the credential’s owner."


@dataclass(frozen=True, kw_only=True)
class ReasonText:
    cause: str
    headline: str = ""
    """Says more than the headline of the check; empty if it doesn't."""


REASON_TEXTS: dict[str, ReasonText] = {
    **{
        damage.reason: ReasonText(
            headline=f"A JWT, a token, or a secret {damage.predicate}",
            cause=f"What the app sent {damage.predicate}. The server compares it exactly as it "
            "arrives, so it refuses it.",
        )
        for damage in DAMAGES
    },
    Reason.UNKNOWN_CLIENT: ReasonText(cause="No app has the client ID in the request."),
    Reason.WRONG_SECRET: ReasonText(
        headline="The client secret is wrong",
        cause="The client ID is right, but the client secret isn’t. Someone without the secret "
        "may have tried.",
    ),
    Reason.SUSPENDED: ReasonText(
        headline="The client ID is suspended",
        cause="The client ID is suspended, so the app can’t use the APIs.",
    ),
    Reason.SUSPENDED_BY_OPERATOR: ReasonText(
        headline="The app is suspended",
        cause="The operator of this platform suspended the app or its organization.",
    ),
    Reason.NO_REFRESH_TOKENS: ReasonText(
        headline="The app doesn’t use refresh tokens",
        cause="Refresh tokens are turned off in the app’s settings.",
    ),
    Reason.CREDENTIAL_AS_TOKEN: ReasonText(
        headline="A JWT credential was sent instead of an access token",
        cause="The token identifies itself as a JWT credential. Exchange the credential for an "
        "access token, and send the access token with the call.",
    ),
    Reason.TOO_MANY_SCOPES: ReasonText(
        headline="The scopes don’t fit into an access token",
        cause="An access token that lists the scopes, and the APIs that use them, would be too "
        "long.",
    ),
    Reason.NOTHING_WITHIN_CEILING: ReasonText(
        headline="The credential’s ceiling includes none of the app’s scopes",
        cause="The credential limits what apps can do with it to the app scopes in its ceiling, "
        "and the app has none of them.",
    ),
    Reason.OTHER_AUDIENCE: ReasonText(
        headline="The access token is for another API",
        cause="The exchange or refresh that issued the token named another API in the parameter "
        "resource.",
    ),
    Reason.UNKNOWN_TOKEN: ReasonText(
        headline="Unknown refresh token",
        cause="The refresh token belongs to another app, or its session ended long ago.",
    ),
    Reason.EXPIRED_TOKEN: ReasonText(
        headline="The refresh token has expired",
        cause="The app didn’t use the refresh token in time, or the session reached its longest "
        "lifetime.",
    ),
    Reason.SESSION_ENDED: ReasonText(
        cause="The app revoked the session, someone ended it in the console, or it ended because a "
        "refresh token was used twice.",
    ),
    Reason.USED_TWICE: ReasonText(
        headline="The refresh token was used a second time",
        cause="A refresh token works once. You can repeat the request for ten seconds, in case "
        "the response was lost. A later use ends the session, because someone may have copied "
        "the token.",
    ),
    Reason.NOT_A_RESOURCE_SERVER: ReasonText(
        headline="The client isn’t a resource server",
        cause="Only a client that the operator has marked as a resource server can report refused "
        "calls.",
    ),
    Reason.REFUSED_BY_API: ReasonText(
        headline="The API itself refused the call",
        cause="The API refused the call by its own rules, and reported it. The token may be valid.",
    ),
    Reason.GATEWAY_SETUP: ReasonText(
        headline="The gateway is set up incorrectly",
        cause="The gateway in front of the API sent us an incorrect request, so no call through it "
        "can succeed.",
    ),
    Reason.AMBIGUOUS_REQUEST: ReasonText(
        headline="Servers can read the request in more than one way",
        cause="The gateway and the API might read the method or the path differently, so the call "
        "could reach an operation that we didn’t check.",
    ),
    Reason.CREDENTIAL_GONE: ReasonText(
        cause="The credential or the app that the token was issued for no longer exists.",
    ),
}


def headline_of(check: CheckName | None, *, reason: str = "", missing: str = "") -> str:
    headline = REFUSED if check is None else CHECK_TEXTS[check].failed
    if missing and check in (CheckName.SCOPE, CheckName.CEILING, CheckName.PERMISSION):
        return f"{headline} {missing}"
    text = REASON_TEXTS.get(reason)
    return text.headline or headline if text else headline
