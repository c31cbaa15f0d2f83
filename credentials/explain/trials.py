"""The dry run of a pasted JWT, as one person may see it; and what any dry run failed at.

A genuine credential that the viewer may not see looks exactly like a forged one.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from credentials import jose
from credentials.access import sees_client, sees_credential
from credentials.explain.fixes import Case, Fix, app_fixes, end_of_credential, fixes_of
from credentials.explain.walks import APP_SIDE, ASKED_AT_CALLS, BEFORE, EXCHANGE, FAILED, Step
from credentials.models import Client, JwtCredential
from credentials.oauth.checks import CHECKS, Exchange
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants.jwt_bearer import genuine_credential
from credentials.refused import CheckName, Reason


@dataclass(frozen=True)
class Failure:
    """The first check of a dry run that failed, and what mends it."""

    headline: str
    cause: str
    fixes: list[Fix]


@dataclass(frozen=True)
class Trial:
    """A dry run of a pasted JWT with a client ID, as one person may see it."""

    headline: str
    cause: str
    passes: bool
    steps: list[Step]
    fixes: list[Fix] = field(default_factory=list)


def try_jwt(jwt: str, client_id: str, viewer: Membership, *, at: datetime | None = None) -> Trial:
    """A dry run now. The JWT is looked at and forgotten.

    A genuine credential that the viewer may not see looks exactly like a forged one.
    """
    jwt = jwt.strip()
    if problem := jose.shape_problem(jwt):
        return _not_a_credential("This string is not a JWT of this server", problem)
    if jose.claimed_type(jwt) == jose.ACCESS_TOKEN_TYPE:
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
        check = CheckName.CLIENT if refused.title == BEFORE[CheckName.CLIENT] else CheckName.FLOW
        fixes = list(app_fixes(_trial_case(check, client, None), viewer))
    return Trial(
        "This is no credential that you may see",
        _NOT_YOURS,
        passes=False,
        steps=[*end, Step("The credential's side", "skip", _NOT_YOURS)],
        fixes=fixes,
    )


_BEFORE_KEYS = (CheckName.CLIENT, CheckName.FLOW)
# A dry run counts against no limit.
_TRIAL: dict[CheckName, str] = {
    name: BEFORE[name] if name is CheckName.CLIENT else title
    for name, title in EXCHANGE.items()
    if name is not CheckName.LIMIT
}


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
    if client is None:
        return _trial_without_app(credential, at)
    findings = _app_findings(client, viewer)
    if not any(result == "fail" for result, _ in findings.values()):
        findings |= _credential_findings(client, credential, at)
    failed = next((name for name, (result, _) in findings.items() if result == "fail"), None)
    if failed is None:
        waits = dict.fromkeys(ASKED_AT_CALLS, ("skip", _ONLY_AT_CALLS))
        return Trial(
            "Every check of a dry run passes", "", passes=True, steps=_walked(findings | waits)
        )
    failure = failure_of(failed, findings[failed][1], client, credential, viewer)
    return Trial(
        failure.headline,
        failure.cause,
        passes=False,
        steps=_walked(findings),
        fixes=failure.fixes,
    )


def failure_of(
    check: CheckName, message: str, client: Client, credential: JwtCredential, viewer: Membership
) -> Failure:
    """What a dry run failed at, to somebody who may see the credential."""
    fixes = fixes_of(_trial_case(check, client, credential), viewer)
    # What mends an app names its owner.
    is_told = check not in APP_SIDE or sees_client(viewer, client)
    return Failure(
        FAILED[check],
        end_of_credential(check, credential) or message,
        list(fixes) if is_told else [],
    )


def _trial_without_app(credential: JwtCredential, at: datetime) -> Trial:
    """The owner hears at least whether the credential itself stands."""
    problem = "No app has this client ID."
    findings: Findings = {
        CheckName.CLIENT: ("fail", problem),
        CheckName.SIGNATURE: ("pass", ""),
        **_standing_findings(credential, at),
    }
    fix = Fix("Copy the client ID from the app's page.", reverse("credentials:applications"))
    return Trial(problem[:-1], "", passes=False, steps=_walked(findings), fixes=[fix])


def _trial_case(check: CheckName, client: Client | None, credential: JwtCredential | None) -> Case:
    environment = Environment(client.environment) if client else Environment.SANDBOX
    reason = Reason.SUSPENDED if check is CheckName.CLIENT else ""
    return Case(check, environment, reason=reason, client=client, credential=credential)


def _credential_findings(client: Client, credential: JwtCredential, at: datetime) -> Findings:
    findings: Findings = {CheckName.SIGNATURE: ("pass", "")}
    if client.environment != credential.environment:
        home = credential.environment.label.lower()
        text = f"This is a {home} credential, and the client ID is of the other environment."
        return findings | {CheckName.ENVIRONMENT: ("fail", text)}
    findings[CheckName.ENVIRONMENT] = ("pass", "")
    exchange = Exchange.read(client, credential, at)
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
    if credential.is_ended(at):
        how = "replaced" if credential.is_replaced(at) else "revoked"
        return {CheckName.REVOCATION: ("fail", f"This credential has been {how}.")}
    expired = credential.is_expired(at)
    return {
        CheckName.REVOCATION: ("pass", ""),
        CheckName.EXPIRY: ("fail", "This credential has expired.") if expired else ("pass", ""),
    }
