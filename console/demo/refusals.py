"""Two weeks of refused requests for the demo, in the words of the APIs."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings

from accounts.environments import Environment
from accounts.platform import built_in
from console.demo.apps import Clients
from console.demo.calls import (
    CHANGE_ADDRESS,
    EXCHANGE,
    READ_ACCOUNT,
    RefusedPath,
    protected_calls,
)
from credentials.error_codes import entry_of
from credentials.models import Client, JwtCredential
from credentials.models.refusals import CALL_KINDS, Refused
from credentials.oauth import errors
from credentials.oauth.bearer import (
    BearerError,
    PermissionMissing,
    ScopeMissing,
    access_token_expired,
)
from credentials.oauth.errors import OAuthError
from credentials.refused import Reason


@dataclass(frozen=True)
class DemoRefusal:
    hours_ago: float
    label: str
    app: str
    error: OAuthError | BearerError
    path: RefusedPath = EXCHANGE


DEMO_REFUSALS = (
    DemoRefusal(286, "Old laptop", "Fleet Directory",
                errors.credential_revoked()),
    DemoRefusal(214, "Trial of the reporting app", "Base Reporting",
                errors.credential_expired()),
    DemoRefusal(190, "Trial of the reporting app", "Base Reporting",
                errors.credential_expired()),
    DemoRefusal(120, "Nightly jobs", "Fleet Directory",
                PermissionMissing(built_in.EDIT_COMPANY_INFO), CHANGE_ADDRESS),
    DemoRefusal(74, "", "Fleet Directory",
                errors.client_authentication_failed().about(reason=Reason.WRONG_SECRET)),
    DemoRefusal(51, "Nightly jobs", "Base Reporting",
                access_token_expired(), READ_ACCOUNT),
    DemoRefusal(26.5, "Nightly jobs", "Tibanna Ledger",
                errors.app_not_allowed()),
    DemoRefusal(9, "Shared with Cloud City", "Base Reporting",
                errors.app_not_allowed()),
    DemoRefusal(3.2, "Nightly jobs", "Base Reporting",
                ScopeMissing(built_in.EDIT_ACCOUNTS), CHANGE_ADDRESS),
    DemoRefusal(1.4, "Nightly jobs", "Fleet Directory",
                PermissionMissing(built_in.EDIT_COMPANY_INFO), CHANGE_ADDRESS),
    *(
        # A nightly job that still presents an expired credential.
        DemoRefusal(hour, "Trial of the reporting app", "Base Reporting",
                    errors.credential_expired())
        for hour in range(10, 154, 12)
    ),
)  # fmt: skip


def refusals_of(
    credentials: dict[str, JwtCredential], apps: Clients, environment: Environment, now: datetime
) -> list[Refused]:
    # Production has half as many, because people try things out in the sandbox.
    chosen = DEMO_REFUSALS if environment is Environment.SANDBOX else DEMO_REFUSALS[::2]
    if not settings.PLATFORM.built_in_api:
        own = (_of_own_api(each, environment) for each in chosen)
        chosen = tuple(each for each in own if each is not None)
    return [
        refused(
            refusal.error,
            path=refusal.path,
            request_id=str(uuid5(NAMESPACE_URL, f"demo refusal {number} in {environment}")),
            at=now - timedelta(hours=refusal.hours_ago),
            client=apps[refusal.app, environment],
            credential=credentials.get(refusal.label),
            address=f"203.0.113.{20 + number % 3}",
        )
        for number, refusal in enumerate(chosen)
    ]


def _of_own_api(refusal: DemoRefusal, environment: Environment) -> DemoRefusal | None:
    """The same refusal for an API in the platform file; None if no operation can cause it."""
    if refusal.path is EXCHANGE:
        return refusal
    calls = protected_calls(environment)
    error: BearerError = access_token_expired()
    if isinstance(refusal.error, PermissionMissing):
        role = settings.PLATFORM.default_role
        calls = [each for each in calls if each.permission and not role.covers(each.permission)]
        error = PermissionMissing(calls[0].permission) if calls else error
    elif isinstance(refusal.error, ScopeMissing):
        # The demo's apps have all scopes of such a platform.
        return None
    return replace(refusal, error=error, path=calls[0]) if calls else None


def refused(
    error: OAuthError | BearerError,
    *,
    path: RefusedPath,
    request_id: str,
    at: datetime,
    client: Client,
    credential: JwtCredential | None,
    address: str,
) -> Refused:
    """A refusal as the APIs record it."""
    rfc_error = error.rfc_error if isinstance(error, BearerError) else error.error
    entry = entry_of(error.code, rfc_error, rest=path.what in CALL_KINDS)
    return Refused(
        request_id=request_id,
        at=at,
        environment=client.environment,
        what=path.what.value,
        method=path.method,
        path=path.path,
        status=error.status,
        error=rfc_error,
        code=error.code,
        message=error.message,
        check_name=str(entry.check) if entry and entry.check else "",
        reason=error.facts.reason,
        presented_client_id=client.client_id,
        is_authentic=error.facts.reason != Reason.WRONG_SECRET,
        credential_id=str(credential.pk) if credential else "",
        missing=error.facts.missing,
        address=address,
        api=path.api,
        operation=path.operation,
    )
