"""The dry run of an exchange (*Test it now*): each check of the grant in order, with its result.

It walks the grant's own checks, so it can't tell another story than the Auth API.
"""

from dataclasses import dataclass

from credentials.oauth.checks import CHECKS, Check, Exchange
from credentials.oauth.errors import InvalidClient, OAuthError
from credentials.oauth.grants.jwt_bearer import flow_refusal, genuine_credential
from credentials.refused import CheckName


@dataclass(frozen=True)
class Finding:
    """What a dry run says of one check: `pass`, `fail`, or `skip`.

    Skipped is what comes after the first failure, and with a `note` what can't be known.
    """

    name: CheckName
    title: str
    result: str
    refusal: OAuthError | None = None
    note: str = ""


def dry_run(exchange: Exchange) -> list[Finding]:
    """Every check of a real exchange in its order, but for the client secret."""
    findings: list[Finding] = []
    failed = False
    for check in (*BEFORE_STATE, *CHECKS):
        refusal = None if failed else check.refusal(exchange)
        note = check.unknown(exchange) if check.unknown else ""
        result = "skip" if failed or note else "fail" if refusal else "pass"
        findings.append(Finding(check.name, check.title, result, refusal, note))
        failed = failed or refusal is not None
    return findings


def _client_refused(exchange: Exchange) -> OAuthError | None:
    if exchange.client.is_active and exchange.client.environment == exchange.credential.environment:
        return None
    return InvalidClient("OAU-146", "The client ID is suspended or of the other environment.")


def _flow_refused(exchange: Exchange) -> OAuthError | None:
    return flow_refusal(exchange.client)


def _not_genuine(exchange: Exchange) -> OAuthError | None:
    credential = exchange.credential
    try:
        genuine_credential(credential.encode(), credential.environment)
    except OAuthError as refusal:
        return refusal
    return None


# What `grant` and the client authentication before it check on the way to `CHECKS`.
BEFORE_STATE: tuple[Check, ...] = (
    Check(CheckName.CLIENT, "The app's client ID is active in this environment", _client_refused),
    Check(CheckName.FLOW, "The app uses the JWT auth flow", _flow_refused),
    Check(CheckName.SIGNATURE, "The signature and the claims are ours", _not_genuine),
)
