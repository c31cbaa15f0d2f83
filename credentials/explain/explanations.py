"""*Why did my call fail?*: the checks of a recorded refusal, its cause and how to fix it.

People who can see the app see its checks, and people who can see the credential see its checks.
Both get a summary of the other side. For everyone else, the request doesn't exist.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from credentials.access import sees_client, sees_credential
from credentials.damage import DAMAGES
from credentials.explain.check_rows import EVERYTHING, CheckRow, Visibility, rows_of, stopped_at
from credentials.explain.check_texts import (
    APP_REFUSED,
    CHECK_TEXTS,
    CREDENTIAL_REFUSED,
    REASON_TEXTS,
    Side,
    headline_of,
)
from credentials.explain.fixes import (
    FailedRequest,
    Fix,
    app_url,
    cause_of,
    fixes_of,
    owner_pages,
)
from credentials.explain.operations import api_label, operation_of, operation_url
from credentials.explain.requests import kind_of
from credentials.models import JwtCredential, Refusal
from credentials.models.refusals import RefusedWhat
from credentials.oauth.checks import (
    CHECKS,
    SCOPE_CHECK_NAMES,
    STATE_CHECK_NAMES,
    Check,
    Exchange,
    Result,
    walk,
)
from credentials.refused import CheckName, Reason

RECENT = 20
# The message of their refusals says more than the row of the error code.
_ABOUT_CREDENTIAL = {*STATE_CHECK_NAMES, CheckName.CEILING}
# Reasons that the response gives, too.
_TOLD_TO_CALLERS = {
    Reason.CREDENTIAL_AS_TOKEN,
    Reason.GATEWAY_SETUP,
    Reason.AMBIGUOUS_REQUEST,
    Reason.REFUSED_BY_API,
    *(damage.reason for damage in DAMAGES),
}


@dataclass(frozen=True)
class Explanation:
    """A recorded refusal, as one person can see it."""

    refusal: Refusal
    visibility: Visibility
    headline: str
    app: str
    credential: str
    cause: str = ""
    message: str = ""
    app_url: str = ""
    credential_url: str = ""
    checks: list[CheckRow] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    now: str = ""
    """Whether the request would pass now; empty if the console can't tell."""
    passes_now: bool = False
    shows_address: bool = True

    @property
    def kind(self) -> str:
        api = api_label(self.refusal)
        return f"{api} call" if api else kind_of(self.refusal.what).label

    @property
    def operation(self) -> str:
        """The operation that was called, in the words of the API's document."""
        operation = operation_of(self.refusal)
        return (operation.summary if operation else "") or self.refusal.operation

    @property
    def operation_url(self) -> str:
        return operation_url(self.refusal)


def explained(
    request_id: str, viewer: Membership, *, at: datetime | None = None
) -> Explanation | None:
    """None if there is no refusal with this request ID that the viewer can see."""
    refusal = Refusal.objects.with_facts().filter(request_id=request_id).order_by("id").first()
    return None if refusal is None else explain(refusal, viewer, at=at)


def explain(
    refusal: Refusal, viewer: Membership, *, at: datetime | None = None
) -> Explanation | None:
    visibility = _visibility(refusal, viewer)
    if visibility is None:
        return None
    # People who can see neither side, but have the request ID, learn only what the caller was told.
    is_generic = refusal.is_anonymous and not sees_client(viewer, refusal.client)
    failed = _failed_request(refusal, is_generic=is_generic)
    sees_cause = visibility.shows(_side(failed))
    now = _now(refusal, visibility, failed, at or timezone.now()) if sees_cause else ""
    # A token can have fewer scopes than its app has, and no check can repeat that.
    is_fixed = now == _PASSES_NOW and failed.check != CheckName.SCOPE
    return Explanation(
        refusal=refusal,
        visibility=visibility,
        headline=_headline(failed, visibility),
        cause=_cause(refusal, failed) if sees_cause else "",
        message=refusal.message if sees_cause or visibility.app else "",
        app="" if is_generic else _app_name(refusal, viewer),
        app_url=app_url(refusal.client) if sees_client(viewer, refusal.client) else "",
        credential=_credential_name(refusal, viewer),
        credential_url=_credential_url(refusal.credential, viewer),
        checks=_check_rows(refusal, failed, visibility),
        fixes=list(fixes_of(failed, viewer)) if sees_cause and not is_fixed else [],
        now=now,
        passes_now=now == _PASSES_NOW,
        shows_address=not is_generic,
    )


def recent_refusals(
    refusals: QuerySet[Refusal], viewer: Membership, *, of: JwtCredential | None = None
) -> list[Explanation]:
    """The latest, without their checks and fixes; `of` is the credential that all are about."""
    related = ["client__application__organization"]
    if of is None:
        related += ["credential__extension__user__membership", "credential__extension__account"]
    rows = refusals.select_related(*related)[:RECENT]
    if of is not None:
        for row in rows:
            row.credential = of
    return [line for row in rows if (line := _line(row, viewer)) is not None]


def _line(refusal: Refusal, viewer: Membership) -> Explanation | None:
    visibility = _visibility(refusal, viewer)
    if visibility is None:
        return None
    return Explanation(
        refusal=refusal,
        visibility=visibility,
        headline=_headline(_failed_request(refusal), visibility),
        app=_app_name(refusal, viewer),
        credential=_credential_name(refusal, viewer),
    )


def _visibility(refusal: Refusal, viewer: Membership) -> Visibility | None:
    # A side that the request doesn't name hides nothing.
    if refusal.is_anonymous:
        return EVERYTHING
    app = sees_client(viewer, refusal.client)
    credential = sees_credential(viewer, refusal.credential)
    if not app and not credential:
        return None
    return Visibility(
        app=app or refusal.client is None, credential=credential or refusal.credential is None
    )


def _failed_request(refusal: Refusal, *, is_generic: bool = False) -> FailedRequest:
    keeps_reason = not is_generic or refusal.reason in _TOLD_TO_CALLERS
    return FailedRequest(
        check=refusal.failed_check,
        environment=Environment(refusal.environment),
        code=refusal.code,
        reason=refusal.reason if keeps_reason else "",
        missing=refusal.missing,
        api=refusal.api,
        client=None if is_generic else refusal.client,
        credential=refusal.credential,
        kind=kind_of(refusal.what),
    )


def _side(failed: FailedRequest) -> Side:
    return Side.EITHER if failed.check is None else failed.kind.side(failed.check)


def _headline(failed: FailedRequest, visibility: Visibility) -> str:
    side = _side(failed)
    if not visibility.shows(side):
        return APP_REFUSED if side is Side.APP else CREDENTIAL_REFUSED
    return headline_of(failed.check, reason=failed.reason, missing=failed.missing)


def _cause(refusal: Refusal, failed: FailedRequest) -> str:
    if failed.reason == Reason.OTHER_ENVIRONMENT:
        return _other_environment(failed)
    if refusal.is_call and (failed.missing or failed.reason not in REASON_TEXTS):
        return _cause_of_call(refusal, failed)
    if failed.check in _ABOUT_CREDENTIAL or failed.reason in REASON_TEXTS:
        return cause_of(failed.check, failed.credential, failed.reason) or refusal.message
    return _usual_cause(refusal)


def _cause_of_call(refusal: Refusal, failed: FailedRequest) -> str:
    if failed.missing:
        what = "user permission" if failed.check is CheckName.PERMISSION else "app scope"
        names = " and ".join(failed.missing.split())
        by_itself = " The API itself refused the call." if failed.reason else ""
        return f"{_called(refusal)} needs the {what} {names}.{by_itself}"
    if failed.check not in STATE_CHECK_NAMES:
        return _usual_cause(refusal)
    ended = cause_of(failed.check, failed.credential, failed.reason)
    cause = ended or f"{CHECK_TEXTS[failed.check].failed}."
    if failed.check is CheckName.PAUSE:
        return f"{cause} Access tokens from this credential don’t work until then."
    return f"{cause} Access tokens from this credential no longer work."


def _called(refusal: Refusal) -> str:
    if not (refusal.api and refusal.operation):
        return "The call"
    return f"The operation {refusal.operation} of the {api_label(refusal)}"


def _usual_cause(refusal: Refusal) -> str:
    return refusal.entry.cause if refusal.entry else ""


def _other_environment(failed: FailedRequest) -> str:
    here, there = failed.environment.label.lower(), failed.environment.other.label.lower()
    if failed.check == CheckName.CLIENT:
        return f"This is the app’s {there} client ID, but the request went to {here}."
    return f"The token was issued in {there}, but the call went to {here}."


def _check_rows(refusal: Refusal, failed: FailedRequest, visibility: Visibility) -> list[CheckRow]:
    if failed.check not in failed.kind.checks:
        return []
    findings = stopped_at(failed.kind.checks, failed.check, refusal)
    return rows_of(findings, failed.kind, visibility)


def _app_name(refusal: Refusal, viewer: Membership) -> str:
    client = refusal.client
    if client is None:
        return refusal.presented_client_id
    application = client.application
    is_known = application.is_public or application.organization_id == viewer.organization_id
    return application.name if is_known else client.client_id


def _credential_name(refusal: Refusal, viewer: Membership) -> str:
    credential = refusal.credential
    if credential is None:
        return ""
    if not sees_credential(viewer, credential):
        return "a credential that you can’t see"
    return f"{credential.label} ({credential.extension.user.name})"


def _credential_url(credential: JwtCredential | None, viewer: Membership) -> str:
    if credential is None or not sees_credential(viewer, credential):
        return ""
    return owner_pages(credential, viewer).url("detail", credential)


_PASSES_NOW = "Every check that the console can repeat now passes. Send the request again."
# People can fix these, unlike a forged signature or an expired token.
_REPEATABLE = {*STATE_CHECK_NAMES, *SCOPE_CHECK_NAMES, CheckName.FLOW, CheckName.PERMISSION}
_SUSPENSIONS = {Reason.SUSPENDED, Reason.SUSPENDED_BY_OPERATOR}


def _now(refusal: Refusal, visibility: Visibility, failed: FailedRequest, at: datetime) -> str:
    client, credential = refusal.client, refusal.credential
    is_repeatable = failed.check in _REPEATABLE or failed.reason in _SUSPENSIONS
    if client is None or credential is None or not is_repeatable or visibility != EVERYTHING:
        return ""
    exchange = Exchange.read(failed.environment, client, credential, at, refusal.address or "")
    findings = walk(exchange, _repeated_checks(failed))
    still = next((found.check for found in findings if found.result is Result.FAILED), None)
    if still is not None:
        return _fails_now(CHECK_TEXTS[still].failed)
    return _lacks_now(refusal, failed, exchange) or _PASSES_NOW


def _repeated_checks(failed: FailedRequest) -> list[Check]:
    # Those of the scopes of an exchange say nothing about the operation that a call needs.
    others = SCOPE_CHECK_NAMES if failed.kind.is_call else ()
    names = [name for name in failed.kind.checks if name not in others]
    return [check for check in CHECKS if check.name in names]


def _lacks_now(refusal: Refusal, failed: FailedRequest, exchange: Exchange) -> str:
    if refusal.api and refusal.operation and (lacks := _lacks_for_operation(refusal, exchange)):
        return lacks
    if refusal.what == RefusedWhat.GATEWAY:
        # Another alternative of scopes than the refused one may be there now.
        return ""
    # A request of its own: no check of an exchange knows what the call asked for.
    role = exchange.credential.extension.role
    has: dict[CheckName, Callable[[str], bool]] = {
        CheckName.SCOPE: exchange.app_scopes.__contains__,
        CheckName.CEILING: exchange.available_scopes.__contains__,
        CheckName.PERMISSION: role.covers if refusal.api else role.covers_own,
    }
    if failed.check is None or failed.check not in has:
        return ""
    if all(map(has[failed.check], failed.missing.split())):
        return ""
    return _fails_now(f"{CHECK_TEXTS[failed.check].failed} {failed.missing}")


def _lacks_for_operation(refusal: Refusal, exchange: Exchange) -> str:
    operation = operation_of(refusal)
    if operation is None:
        return _fails_now(CHECK_TEXTS[CheckName.OPERATION].failed)
    for check, scopes in (
        (CheckName.SCOPE, exchange.app_scopes),
        (CheckName.CEILING, exchange.available_scopes),
    ):
        if missing := operation.lacking(scopes):
            names = settings.PLATFORM.scope_string(missing)
            return _fails_now(headline_of(check, missing=names))
    if operation.permission and not exchange.credential.extension.role.covers(operation.permission):
        return _fails_now(headline_of(CheckName.PERMISSION, missing=operation.permission))
    return ""


def _fails_now(failed: str) -> str:
    return f"This request would still fail: {failed[0].lower()}{failed[1:]}."
