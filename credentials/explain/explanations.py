"""*Why did my call fail?*: the checks of a refused request in their order, and what mends it.

Two sides meet in a request: the app, and the credential. Each is told about its own; the other is
summed up. Who belongs to neither learns nothing, not even whether there was such a request.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from django.db.models import QuerySet
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from credentials.access import sees_client, sees_credential
from credentials.explain.dry_run import BEFORE_STATE
from credentials.explain.fixes import Case, Fix, app_url, end_of_credential, fixes_of, owner_pages
from credentials.explain.walks import (
    APP_REFUSED,
    APP_SIDE,
    ASKED_AT_CALLS,
    CREDENTIAL_REFUSED,
    FAILED,
    STATE,
    WALKS,
    Sight,
    Step,
)
from credentials.models import JwtCredential, Refusal
from credentials.oauth.checks import CHECKS, Exchange
from credentials.refused import CheckName, Reason

RECENT = 20


@dataclass(frozen=True)
class Explanation:
    """A recorded refusal, as one person may see it."""

    refusal: Refusal
    sight: Sight
    headline: str
    cause: str
    message: str
    app: str
    app_url: str
    credential: str
    credential_url: str
    steps: list[Step]
    fixes: list[Fix] = field(default_factory=list)
    now: str = ""
    """Whether it would pass by now, as far as the viewer may know; empty if nobody can say."""
    passes_now: bool = False
    shows_address: bool = True


def explained(
    request_id: str, viewer: Membership, *, at: datetime | None = None
) -> Explanation | None:
    """The refusal of this request id; None if there is none that the viewer may see."""
    refusal = Refusal.objects.with_facts().filter(request_id=request_id).order_by("id").first()
    return None if refusal is None else explain(refusal, viewer, at=at)


def explain(
    refusal: Refusal, viewer: Membership, *, at: datetime | None = None
) -> Explanation | None:
    sight = _sight(refusal, viewer)
    if sight is None:
        return None
    # A stranger to both sides who holds the request id learns what the caller was told.
    is_generic = refusal.is_anonymous and not sees_client(viewer, refusal.client)
    case = _case(refusal, is_generic=is_generic)
    sees_cause = sight.of(case.check, is_call=case.is_call)
    now = _standing_now(refusal, sight, case, at or timezone.now()) if sees_cause else None
    return Explanation(
        refusal=refusal,
        sight=sight,
        headline=_headline(case, sight),
        cause=_cause(refusal, case) if sees_cause else "",
        message=refusal.message if sees_cause or sight.app else "",
        app="" if is_generic else _app_name(refusal, viewer),
        app_url=app_url(refusal.client) if sees_client(viewer, refusal.client) else "",
        credential=_credential_name(refusal, viewer),
        credential_url=_credential_url(refusal.credential, viewer),
        steps=_steps(WALKS[refusal.what], case, sight),
        fixes=list(fixes_of(case, viewer)) if sees_cause else [],
        now="" if now is None else now,
        passes_now=now == _PASSES_NOW,
        shows_address=not is_generic,
    )


def recent_refusals(
    refusals: QuerySet[Refusal], viewer: Membership, *, of: JwtCredential | None = None
) -> list[Explanation]:
    """The latest of a credential or an app, as lists say it: without steps and fixes.

    `of` is the credential that they are about, if it is one and the same.
    """
    related = ["client__application__organization"]
    if of is None:
        related += ["credential__extension__user__membership", "credential__extension__account"]
    rows = refusals.select_related(*related)[:RECENT]
    if of is not None:
        for row in rows:
            row.credential = of
    return [line for row in rows if (line := _line(row, viewer)) is not None]


def _line(refusal: Refusal, viewer: Membership) -> Explanation | None:
    sight = _sight(refusal, viewer)
    if sight is None:
        return None
    return Explanation(
        refusal=refusal,
        sight=sight,
        headline=_headline(_case(refusal), sight),
        cause="",
        message="",
        app=_app_name(refusal, viewer),
        app_url="",
        credential=_credential_name(refusal, viewer),
        credential_url="",
        steps=[],
    )


def _sight(refusal: Refusal, viewer: Membership) -> Sight | None:
    """Which sides the viewer may see; None if neither. A side that is not there hides nothing."""
    if refusal.is_anonymous:
        return Sight(app=True, credential=True)
    app = sees_client(viewer, refusal.client)
    credential = sees_credential(viewer, refusal.credential)
    if not app and not credential:
        return None
    return Sight(
        app=app or refusal.client is None, credential=credential or refusal.credential is None
    )


def _case(refusal: Refusal, *, is_generic: bool = False) -> Case:
    keeps_reason = not is_generic or refusal.reason == Reason.CREDENTIAL_AS_TOKEN
    return Case(
        check=refusal.failed_check,
        environment=Environment(refusal.environment),
        code=refusal.code,
        reason=refusal.reason if keeps_reason else "",
        missing=refusal.missing,
        client=None if is_generic else refusal.client,
        credential=refusal.credential,
        is_call=refusal.is_call,
    )


def _headline(case: Case, sight: Sight) -> str:
    if not sight.of(case.check, is_call=case.is_call):
        return APP_REFUSED if case.check in APP_SIDE else CREDENTIAL_REFUSED
    if case.missing and case.check in (CheckName.SCOPE, CheckName.PERMISSION):
        return f"{FAILED[case.check]} {case.missing}"
    return _REASONS.get(case.reason, FAILED.get(case.check, FAILED[None]))


_REASONS: dict[str, str] = {
    Reason.WRONG_SECRET: "The client secret is wrong",
    Reason.SUSPENDED: "The client ID is suspended",
    Reason.NO_REFRESH_TOKENS: "The app does not issue refresh tokens",
    Reason.CREDENTIAL_AS_TOKEN: "A JWT credential was sent in place of an access token",
    Reason.UNKNOWN_TOKEN: "The refresh token is unknown to this app",
    Reason.EXPIRED_TOKEN: "The refresh token has expired",
    Reason.USED_TWICE: "The refresh token was used a second time",
}
_WHY: dict[str, str] = {
    Reason.UNKNOWN_CLIENT: "No app has the client ID that was sent.",
    Reason.WRONG_SECRET: "The client ID is right, but the secret that came with it is not. "
    "Someone who does not have the secret may have tried.",
    Reason.SUSPENDED: "The secret was right, but the client ID is suspended.",
    Reason.NO_REFRESH_TOKENS: "The app's settings say that it issues no refresh tokens.",
    Reason.CREDENTIAL_AS_TOKEN: "The token says of itself that it is a JWT credential. A "
    "credential is exchanged for an access token, and the access token goes into the call.",
    Reason.UNKNOWN_TOKEN: "The refresh token is none of this app's, or its session was forgotten.",
    Reason.EXPIRED_TOKEN: "The refresh token was not used in time.",
    Reason.SESSION_ENDED: "The session was revoked by the app, or ended because a refresh token "
    "was used twice.",
    Reason.USED_TWICE: "A refresh token works once, and for ten seconds again if the answer was "
    "lost. Its second use ended the session, in case somebody copied it.",
    Reason.CREDENTIAL_GONE: "What the token was issued for is not there any more.",
}


def _cause(refusal: Refusal, case: Case) -> str:
    if case.reason == Reason.OTHER_ENVIRONMENT:
        return _other_environment(case)
    if case.reason in _WHY:
        return _WHY[case.reason]
    if case.missing and refusal.is_call:
        what = "app scope" if case.check is CheckName.SCOPE else "user permission"
        return f"The call needs the {what} {case.missing}."
    if case.check in (CheckName.POLICY, CheckName.NETWORK) and not refusal.is_call:
        return refusal.message
    if ended := end_of_credential(case.check, case.credential):
        return f"{ended} No access token that came of it works." if refusal.is_call else ended
    if refusal.is_call and case.check in STATE:
        return f"{FAILED[case.check]}, so no access token that came of it works any more."
    return refusal.entry.cause if refusal.entry else ""


def _other_environment(case: Case) -> str:
    here, there = case.environment.label.lower(), case.environment.other.label.lower()
    if case.check == CheckName.CLIENT:
        return f"This is the app's {there} client ID, and the request went to {here}."
    return f"It was issued in {there}, and the call went to {here}."


def _steps(walk: dict[CheckName, str], case: Case, sight: Sight) -> list[Step]:
    """The checks; a run of those that the viewer may not see is one step."""
    names = list(walk)
    if case.check not in names:
        return []
    failed = names.index(case.check)

    def result(name: CheckName) -> str:
        index = names.index(name)
        return "pass" if index < failed else "fail" if index == failed else "skip"

    steps: list[Step] = []
    for (seen, side), run in groupby(
        names, key=lambda name: (sight.of(name, is_call=case.is_call), name in APP_SIDE)
    ):
        results = [(name, result(name)) for name in run]
        if seen:
            steps += [
                Step(walk[name], found, code=case.code if found == "fail" else "")
                for name, found in results
            ]
        else:
            steps.append(_summed_up([found for _, found in results], is_app=side, code=case.code))
    return steps


def _summed_up(results: list[str], *, is_app: bool, code: str = "") -> Step:
    side = "app" if is_app else "credential"
    result = "fail" if "fail" in results else results[0]
    detail = {
        "fail": f"The {side}'s side refused. Only its owner sees why: ask them.",
        "pass": f"Only the {side}'s owner sees which.",
        "skip": f"Only the {side}'s owner sees them.",
    }[result]
    return Step(f"The {side}'s side", result, detail, code if result == "fail" else "")


def _app_name(refusal: Refusal, viewer: Membership) -> str:
    """The app's name for whoever may know it, else the client ID that was used."""
    client = refusal.client
    if client is None:
        return refusal.presented_client_id
    application = client.application
    known = application.is_public or application.organization_id == viewer.organization_id
    return application.name if known else client.client_id


def _credential_name(refusal: Refusal, viewer: Membership) -> str:
    credential = refusal.credential
    if credential is None:
        return ""
    if not sees_credential(viewer, credential):
        return "somebody else's credential"
    return f"{credential.label} of {credential.extension.user.name}"


def _credential_url(credential: JwtCredential | None, viewer: Membership) -> str:
    if credential is None or not sees_credential(viewer, credential):
        return ""
    return owner_pages(credential, viewer).url("detail", credential)


_PASSES_NOW = "Every check that can be made now passes. Try the request again."


def _standing_now(refusal: Refusal, sight: Sight, case: Case, at: datetime) -> str | None:
    """The same request by now, for checks on what can change, if both sides are seen."""
    client, credential = refusal.client, refusal.credential
    changeable = {*STATE, CheckName.FLOW, *ASKED_AT_CALLS}
    by_right = case.check in changeable or case.reason == Reason.SUSPENDED
    if client is None or credential is None or not by_right or not (sight.app and sight.credential):
        return None
    exchange = Exchange.read(client, credential, at, refusal.address or "")
    for check in (*BEFORE_STATE, *CHECKS):
        if check.name is not CheckName.SIGNATURE and check.refusal(exchange) is not None:
            return f"It would fail now as well: {FAILED[check.name].lower()}."
    if case.check is CheckName.PERMISSION and case.missing not in (
        credential.extension.grant.permissions
    ):
        return f"It would fail now as well: the user still lacks {case.missing}."
    scopes = client.application.effective_scopes
    if case.check is CheckName.SCOPE and not set(case.missing.split()) <= scopes:
        return f"It would fail now as well: the app still lacks {case.missing}."
    return _PASSES_NOW
