"""*Why did my call fail?*: the checks of a refused request in their order, and what mends it.

Two sides meet in a request: the app, and the credential. Each is told about its own; the other is
summed up. Who belongs to neither learns nothing, not even whether there was such a request.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsolePermission
from credentials import jose
from credentials.access import CredentialOwner
from credentials.checks import CHECKS, Exchange
from credentials.models import Client, JwtCredential, Refusal
from credentials.models.refusals import RefusedWhat
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants.jwt_bearer import BEFORE_STATE, genuine_credential
from credentials.refused import CheckName, Reason

RECENT = 20

_STATE = {check.name: check.title for check in CHECKS}
_BEFORE = {check.name: check.title for check in BEFORE_STATE}
_REQUEST = {CheckName.REQUEST: "The request has the right shape"}
_SECRET = {CheckName.CLIENT: "The client is known and active here, and its secret is right"}
_ASKED_AT_CALLS = {
    CheckName.SCOPE: "The app has the scope",
    CheckName.PERMISSION: "The user has the permission",
}
EXCHANGE = (
    _REQUEST
    | _BEFORE
    | _SECRET
    | {CheckName.ENVIRONMENT: "The credential is of this environment"}
    | _STATE
    | _ASKED_AT_CALLS
)
_REFRESH = (
    _REQUEST
    | _SECRET
    | {
        CheckName.FLOW: "The app uses the JWT auth flow and issues refresh tokens",
        CheckName.TOKEN: "The refresh token stands and is used for the first time",
    }
    | _STATE
    | {CheckName.SCOPE: _ASKED_AT_CALLS[CheckName.SCOPE]}
)
_BEARER = {
    CheckName.REQUEST: "The call carries an access token in its Authorization header",
    CheckName.SIGNATURE: "The access token is one of ours",
    CheckName.ENVIRONMENT: "The access token is of this environment",
    CheckName.TOKEN: "The access token has not expired",
    CheckName.SESSION: "The session that the token belongs to has not ended",
    CheckName.CLIENT: _BEFORE[CheckName.CLIENT],
} | _STATE
# The checks that each kind of request goes through, in their order.
WALKS: dict[str, dict[CheckName, str]] = {
    RefusedWhat.EXCHANGE: EXCHANGE,
    RefusedWhat.REFRESH: _REFRESH,
    RefusedWhat.CLIENT_REQUEST: _REQUEST | _SECRET,
    RefusedWhat.CALL: _BEARER | _ASKED_AT_CALLS,
    RefusedWhat.VERIFY: _BEARER,
}

# What failed, in words for headings and lists.
FAILED: dict[CheckName | None, str] = {
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
_CREDENTIAL_REFUSED = "The credential's side refused; ask its owner"
_APP_REFUSED = "The app's side refused; ask its owner"

_APP_SIDE = frozenset({CheckName.REQUEST, CheckName.CLIENT, CheckName.FLOW, CheckName.SCOPE})
# A token belongs to the app that holds it and to the credential that it comes from.
_OF_BOTH = frozenset({CheckName.TOKEN, CheckName.SESSION})


@dataclass(frozen=True)
class Step:
    """One check, or all of the other side: `pass`, `fail`, or `skip` for not reached."""

    title: str
    result: str
    detail: str = ""
    code: str = ""


@dataclass(frozen=True)
class Fix:
    """What mends it; with a link for whoever may do it."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Sight:
    """What of a request one person may see."""

    app: bool
    credential: bool

    def of(self, check: CheckName | None, *, of_token: bool) -> bool:
        if check is None:
            return self.app or self.credential
        if check in _OF_BOTH or (
            of_token and check in (CheckName.SIGNATURE, CheckName.ENVIRONMENT)
        ):
            return self.app or self.credential
        return self.app if check in _APP_SIDE else self.credential


@dataclass(frozen=True)
class Case:
    """What failed of which app and credential; what a fix depends on."""

    check: CheckName | None
    environment: Environment
    code: str = ""
    reason: str = ""
    missing: str = ""
    client: Client | None = None
    credential: JwtCredential | None = None
    of_token: bool = False


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


@dataclass(frozen=True)
class Trial:
    """A dry run of a pasted JWT with a client ID, as one person may see it."""

    headline: str
    cause: str
    passes: bool
    steps: list[Step]
    fixes: list[Fix] = field(default_factory=list)


def sees_client(viewer: Membership, client: Client | None) -> bool:
    """Whether the app is the viewer's own, or of their organization for admins and auditors."""
    if client is None or client.application.organization_id != viewer.organization_id:
        return False
    return viewer.may(ConsolePermission.APPLICATION_VIEW_ANY) or (
        client.application.owner_id == viewer.user_id
        and viewer.may(ConsolePermission.APPLICATION_VIEW_OWN)
    )


def sees_credential(viewer: Membership, credential: JwtCredential | None) -> bool:
    """Whether the credential is the viewer's own, or of their organization likewise."""
    if credential is None or credential.organization_id != viewer.organization_id:
        return False
    return viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY) or (
        credential.extension.user_id == viewer.user_id
        and viewer.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN)
    )


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
    sees_cause = sight.of(case.check, of_token=case.of_token)
    now = _standing_now(refusal, sight, case, at or timezone.now()) if sees_cause else None
    return Explanation(
        refusal=refusal,
        sight=sight,
        headline=_headline(case, sight),
        cause=_cause(refusal, case) if sees_cause else "",
        message=refusal.message if sees_cause or sight.app else "",
        app="" if is_generic else _app_name(refusal, viewer),
        app_url=_app_url(refusal.client) if sees_client(viewer, refusal.client) else "",
        credential=_credential_name(refusal, viewer),
        credential_url=_credential_url(refusal.credential, viewer),
        steps=_steps(WALKS[refusal.what], case, sight),
        fixes=list(_fixes(case, viewer)) if sees_cause else [],
        now="" if now is None else now,
        passes_now=now == _PASSES_NOW,
        shows_address=not is_generic,
    )


def recent_refusals(refusals: QuerySet[Refusal], viewer: Membership) -> list[Explanation]:
    """The latest of a credential or an app, as lists say it: without steps and fixes."""
    rows = refusals.select_related(
        "client__application__organization",
        "credential__extension__user__membership",
        "credential__extension__account",
    )[:RECENT]
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
        of_token=refusal.is_call,
    )


def _headline(case: Case, sight: Sight) -> str:
    if not sight.of(case.check, of_token=case.of_token):
        return _APP_REFUSED if case.check in _APP_SIDE else _CREDENTIAL_REFUSED
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
    if case.check in (CheckName.POLICY, CheckName.NETWORK) and not refusal.is_call:
        return refusal.message
    if refusal.is_call and case.check in _STATE:
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
        names, key=lambda name: (sight.of(name, of_token=case.of_token), name in _APP_SIDE)
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


def _app_url(client: Client | None) -> str:
    return reverse("credentials:application", args=[client.application_id]) if client else ""


def _credential_name(refusal: Refusal, viewer: Membership) -> str:
    credential = refusal.credential
    if credential is None:
        return ""
    if not sees_credential(viewer, credential):
        return "somebody else's credential"
    return f"{credential.label} of {credential.extension.user.name}"


def _owner(credential: JwtCredential, viewer: Membership) -> CredentialOwner:
    is_own = credential.extension.user_id == viewer.user_id
    owner = viewer if is_own else credential.owner
    return CredentialOwner(viewer, owner, through_organization=not is_own)


def _credential_url(credential: JwtCredential | None, viewer: Membership) -> str:
    if credential is None or not sees_credential(viewer, credential):
        return ""
    return _owner(credential, viewer).url("detail", credential)


_PASSES_NOW = "Every check that can be made now passes. Try the request again."


def _standing_now(refusal: Refusal, sight: Sight, case: Case, at: datetime) -> str | None:
    """The same request by now; for the checks on what can change, and only if both sides are seen."""
    client, credential = refusal.client, refusal.credential
    changeable = {*_STATE, CheckName.FLOW, *_ASKED_AT_CALLS}
    by_right = case.check in changeable or case.reason == Reason.SUSPENDED
    if client is None or credential is None or not by_right or not (sight.app and sight.credential):
        return None
    exchange = Exchange(client, credential, at, refusal.address or "")
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


def _fixes(case: Case, viewer: Membership) -> Iterator[Fix]:
    if case.check in (CheckName.CLIENT, CheckName.FLOW, CheckName.SCOPE):
        yield from _app_fixes(case, viewer)
    elif case.check in (CheckName.OWNER, CheckName.PERMISSION):
        yield from _owner_fixes(case, viewer)
    elif case.check in (CheckName.SIGNATURE, CheckName.ENVIRONMENT):
        yield from _token_fixes(case, viewer)
    elif case.check in _STATE and case.credential is not None:
        yield from _credential_fixes(case, case.credential, viewer)
    elif case.check in _OF_BOTH:
        yield Fix("Exchange the JWT credential again for a new access token.")
    elif case.check is CheckName.REQUEST and case.of_token:
        yield Fix("Send the header Authorization: Bearer with the access token, and no token in "
                  "the query string.")  # fmt: skip
    elif case.check is CheckName.REQUEST:
        yield Fix("Send a form body by POST, every parameter once, and authenticate once.")


def _app_fixes(case: Case, viewer: Membership) -> Iterator[Fix]:
    client = case.client
    if client is None:
        yield Fix("Compare client ID and secret with the app's page: each environment has its own.",
                  reverse("credentials:applications"))  # fmt: skip
        return
    manages = client.application.managed_by(viewer) and not client.application.is_retired
    ask = f" Ask the app's owner: {client.application.owner.name}."
    page = _app_url(client)
    settings = reverse("credentials:application_settings", args=[client.application_id])
    if case.check is CheckName.SCOPE:
        text, url = f"Add the scope {case.missing} to the app, then get a new token.", settings
    elif case.check is CheckName.FLOW:
        text, url = "Turn it on in the app's settings.", settings
    elif case.reason == Reason.SUSPENDED:
        text, url = "Resume the client ID.", page
    elif case.reason == Reason.OTHER_ENVIRONMENT:
        text, url = f"Use the {case.environment.label.lower()} client ID of the app.", page
    else:
        text = "Check the secret that the app is configured with; if it is lost, replace it."
        url = reverse("credentials:replace_client_secret",
                      args=[client.application_id, client.environment])  # fmt: skip
    yield Fix(text, url) if manages else Fix(text + ask)


def _token_fixes(case: Case, viewer: Membership) -> Iterator[Fix]:
    here, there = case.environment, case.environment.other
    if case.of_token:
        yield Fix(f"Exchange a JWT credential at {here.urls.token_endpoint} and send the access "
                  "token that comes back.")  # fmt: skip
        return
    if case.check is CheckName.SIGNATURE:
        yield Fix("Copy the whole JWT again, or paste it below: the dry run says what is wrong.")
        return
    yield Fix(f"Send it to {there.urls.token_endpoint}, with the app's client ID of that "
              "environment.")  # fmt: skip
    credential = case.credential
    if credential is None or credential.extension.user_id != viewer.user_id:
        return
    if viewer.user.extensions.filter(account__environment=here).exists():
        yield from _another(credential, viewer, f"Create a {here.label.lower()} credential.")
    elif here is Environment.SANDBOX:
        yield Fix("Create a sandbox account, then a sandbox credential.",
                  reverse("accounts:sandbox_account"))  # fmt: skip


def _credential_fixes(case: Case, credential: JwtCredential, viewer: Membership) -> Iterator[Fix]:
    owner = _owner(credential, viewer)
    page = owner.url("detail", credential)
    name = credential.extension.user.name
    if case.check is CheckName.APP_ACCESS:
        yield from _allow_list_fixes(case, owner, page, name)
    elif case.check is CheckName.NETWORK:
        text = "Call from an allowed network, or change the networks of the credential."
        yield Fix(text, page) if owner.may_manage else Fix(f"{text} Ask {name}.")
        yield from _policy_fix(case, viewer)
    elif case.check is CheckName.POLICY:
        yield from _another(credential, viewer, "Create a credential that the policy allows.")
        yield from _policy_fix(case, viewer)
    else:
        if case.check is CheckName.REVOCATION:
            yield Fix("See who revoked it, and why.", page)
        yield from _another(
            credential, viewer, "Create another credential and put it in its place."
        )


def _allow_list_fixes(case: Case, owner: CredentialOwner, page: str, name: str) -> Iterator[Fix]:
    application = case.client.application if case.client else None
    foreign = application is not None and (
        application.organization_id != owner.owner.organization_id
    )
    if application is not None and foreign and not application.is_public:
        yield Fix("The app is private and of another organization. Only its provider can make it "
                  "public.")  # fmt: skip
        return
    text = "Add the app to the credential's list."
    yield Fix(text, page) if owner.may_manage else Fix(f"{text} Ask {name}.")


def _another(credential: JwtCredential, viewer: Membership, text: str) -> Iterator[Fix]:
    owner = _owner(credential, viewer)
    if owner.may_manage:
        yield Fix(text, owner.url("create"))
    else:
        yield Fix(f"{text} Ask {credential.extension.user.name}.")


def _policy_fix(case: Case, viewer: Membership) -> Iterator[Fix]:
    text = "Change the organization's policy."
    if viewer.may(ConsolePermission.POLICY_MANAGE):
        yield Fix(text, reverse("organization:policy", args=[case.environment.value]))
    else:
        yield Fix(f"{text} {_ask_administrators(viewer)}")


def _owner_fixes(case: Case, viewer: Membership) -> Iterator[Fix]:
    credential = case.credential
    if credential is None:
        return
    extension, owner = credential.extension, credential.owner
    name = extension.user.name
    change_extension = reverse("accounts:change_extension", args=[extension.pk])
    if case.check is CheckName.PERMISSION:
        found = [(f"Give {name} a user role that has {case.missing}.", change_extension,
                  ConsolePermission.EXTENSION_MANAGE)]  # fmt: skip
    else:
        found = []
        if not extension.user.is_active:
            found.append((f"Reactivate {name}.",
                          reverse("organization:reactivate", args=[owner.user_id]),
                          ConsolePermission.ACCESS_MANAGE))  # fmt: skip
        if not owner.is_developer:
            found.append((f"Give {name} the console role Developer or higher.",
                          reverse("organization:change_role", args=[owner.user_id]),
                          ConsolePermission.ACCESS_MANAGE))  # fmt: skip
        if not extension.is_enabled:
            found.append((f"Enable the {credential.environment.label.lower()} account of {name}.",
                          change_extension, ConsolePermission.EXTENSION_MANAGE))  # fmt: skip
    if not found:
        yield Fix("It has been mended since. Try the request again.")
    for text, url, right in found:
        yield Fix(text, url) if viewer.may(right) else Fix(f"{text} {_ask_administrators(viewer)}")


def _ask_administrators(viewer: Membership) -> str:
    administrators = viewer.organization.memberships.filter(
        is_account_admin=True, user__is_active=True
    ).select_related("user")[:3]
    names = ", ".join(each.user.name for each in administrators)
    return f"Ask an account administrator: {names}." if names else "Ask an account administrator."


def try_jwt(jwt: str, client_id: str, viewer: Membership, *, at: datetime | None = None) -> Trial:
    """A dry run now. The JWT is looked at and forgotten.

    A genuine credential that the viewer may not see looks exactly like a forged one.
    """
    jwt = jwt.strip()
    if problem := jose.shape_problem(jwt):
        return _not_a_credential("This string is not a JWT of this server", problem)
    if jose.said_type(jwt) == jose.ACCESS_TOKEN_TYPE:
        return _not_a_credential(
            "This is an access token, not a credential",
            "It says so of itself. The assertion of an exchange is the JWT credential; an access "
            "token goes into the Authorization header of a call.",
        )
    client = (
        Client.objects.select_related("application__organization", "application__owner")
        .filter(client_id=client_id)
        .first()
    )
    credential = _genuine(jwt)
    if credential is None or not sees_credential(viewer, credential):
        return _trial_of_the_app(client, viewer)
    return _trial(client, credential, viewer, at or timezone.now())


def _not_a_credential(headline: str, problem: str) -> Trial:
    steps = _walked({CheckName.SIGNATURE: ("fail", problem)})
    fix = Fix("Copy the whole JWT from the page where it is shown, as one line.")
    return Trial(headline, problem, passes=False, steps=steps, fixes=[fix])


def _genuine(jwt: str) -> JwtCredential | None:
    for environment in Environment:
        try:
            return genuine_credential(jwt, environment)
        except OAuthError:
            continue
    return None


_NOT_YOURS = (
    "Either this server did not sign it, or it belongs to somebody else. Only a credential's "
    "owner, and the Developer Admins and Auditors of their organization, are told which."
)
_NO_APP_OF_YOURS = "No app that you may see has this client ID. Its owner sees these checks."
_ONLY_AT_CALLS = "Asked at each call of the REST API."


def _trial_of_the_app(client: Client | None, viewer: Membership) -> Trial:
    """What is said of the app's side alone, whatever the JWT is."""
    steps = _walked(_app_findings(client, viewer))
    end = [step for step in steps if step.title in _titles(CheckName.REQUEST, *_BEFORE_KEYS)]
    refused = next((step for step in end if step.result == "fail"), None)
    fixes: list[Fix] = []
    if client is not None and refused is not None:
        check = CheckName.CLIENT if refused.title == _BEFORE[CheckName.CLIENT] else CheckName.FLOW
        fixes = list(_app_fixes(_trial_case(check, client, None), viewer))
    return Trial(
        "This is no credential that you may see",
        _NOT_YOURS,
        passes=False,
        steps=[*end, Step("The credential's side", "skip", _NOT_YOURS)],
        fixes=fixes,
    )


_BEFORE_KEYS = (CheckName.CLIENT, CheckName.FLOW)
_TRIAL = EXCHANGE | {CheckName.CLIENT: _BEFORE[CheckName.CLIENT]}


def _titles(*names: CheckName) -> set[str]:
    return {_TRIAL[name] for name in names}


Findings = dict[CheckName, tuple[str, str]]


def _walked(findings: Findings) -> list[Step]:
    """All checks of an exchange with what was found of each; the rest was not reached."""
    found: Findings = {CheckName.REQUEST: ("skip", "Not part of a dry run.")} | findings
    return [Step(title, *found.get(name, ("skip", ""))) for name, title in _TRIAL.items()]


def _app_findings(client: Client | None, viewer: Membership) -> Findings:
    if client is None or not sees_client(viewer, client):
        return dict.fromkeys(_BEFORE_KEYS, ("skip", _NO_APP_OF_YOURS))
    if not client.is_active:
        return {CheckName.CLIENT: ("fail", "The client ID is suspended.")}
    findings = {CheckName.CLIENT: ("pass", "The secret is not part of a dry run.")}
    if client.application.uses_jwt_flow:
        return findings | {CheckName.FLOW: ("pass", "")}
    return findings | {CheckName.FLOW: ("fail", "This app does not use the JWT auth flow.")}


def _trial(
    client: Client | None, credential: JwtCredential, viewer: Membership, at: datetime
) -> Trial:
    findings = _app_findings(client, viewer)
    if not any(result == "fail" for result, _ in findings.values()):
        findings |= _credential_findings(client, credential, at)
    failed = next((name for name, (result, _) in findings.items() if result == "fail"), None)
    if failed is None:
        waits = dict.fromkeys(_ASKED_AT_CALLS, ("skip", _ONLY_AT_CALLS))
        return Trial(_trial_headline(client), "", passes=True, steps=_walked(findings | waits))
    case = _trial_case(failed, client, credential)
    cause = findings[failed][1]
    return Trial(
        FAILED[failed],
        cause,
        passes=False,
        steps=_walked(findings),
        fixes=list(_fixes(case, viewer)),
    )


def _trial_headline(client: Client | None) -> str:
    if client is None:
        return "The credential stands; no app has this client ID"
    return "Every check of a dry run passes"


def _trial_case(check: CheckName, client: Client | None, credential: JwtCredential | None) -> Case:
    environment = Environment(client.environment) if client else Environment.SANDBOX
    reason = Reason.SUSPENDED if check is CheckName.CLIENT else ""
    return Case(check, environment, reason=reason, client=client, credential=credential)


def _credential_findings(
    client: Client | None, credential: JwtCredential, at: datetime
) -> Findings:
    findings: Findings = {CheckName.SIGNATURE: ("pass", "")}
    if client is None:
        return findings | _standing_findings(credential, at)
    if client.environment != credential.environment:
        home = credential.environment.label.lower()
        text = f"This is a {home} credential, and the client ID is of the other environment."
        return findings | {CheckName.ENVIRONMENT: ("fail", text)}
    findings[CheckName.ENVIRONMENT] = ("pass", "")
    exchange = Exchange(client, credential, at)
    for check in CHECKS:
        if check.unknown is not None and (note := check.unknown(exchange)):
            findings[check.name] = ("skip", note)
            continue
        refusal = check.refusal(exchange)
        findings[check.name] = ("fail", refusal.message) if refusal else ("pass", "")
        if refusal is not None:
            break
    return findings


def _standing_findings(credential: JwtCredential, at: datetime) -> Findings:
    """Of a credential without an app: only whether it stands itself."""
    if credential.is_revoked:
        return {CheckName.REVOCATION: ("fail", "This credential has been revoked.")}
    if credential.is_expired(at):
        return {
            CheckName.REVOCATION: ("pass", ""),
            CheckName.EXPIRY: ("fail", "This credential has expired."),
        }
    return {CheckName.REVOCATION: ("pass", ""), CheckName.EXPIRY: ("pass", "")}
