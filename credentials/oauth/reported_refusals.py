"""Calls that an API itself refused, as a resource server reports them.

We record the client and the credential of the token, but not the token itself.
"""

import re
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.environments import Environment
from accounts.platform.catalog import Api, Operation
from accounts.platform.paths import HostilePath
from core.leaks import without_secrets
from core.origin import client_ip
from credentials.models.refusals import Refused, RefusedWhat
from credentials.oauth import refusal_log
from credentials.oauth.bearer import BearerError, verified_claims
from credentials.oauth.errors import InvalidRequest
from credentials.oauth.gateway import listed_operation
from credentials.oauth.lookup import Lookup
from credentials.oauth.original_request import OriginalRequest, is_method
from credentials.oauth.parameters import Parameters
from credentials.refused import CheckName, Reason, RefusalFacts

MESSAGE_LENGTH = 300
# A shorter text isn't a token, and could be part of a word.
SHORTEST_TOKEN = 16
_STATUS = re.compile(r"4\d\d")
# What the API reports as missing, with the code that `verify` would return.
_CODES = {CheckName.SCOPE: "CMN-401", CheckName.PERMISSION: "CMN-408"}


@dataclass(frozen=True)
class Report:
    api: Api
    method: str
    operation: Operation | None
    status: int
    check: CheckName | None
    missing: str
    message: str


def read_report(parameters: Parameters, environment: Environment) -> Report:
    """The report in the parameters. Raises `InvalidRequest`."""
    parameters.require("token")
    api = _api(parameters, environment)
    method = parameters.require("method")
    if not is_method(method):
        raise InvalidRequest("The parameter method must be one word in capital letters.")
    check, missing = _missing(parameters)
    status = _status(parameters)
    return Report(
        api=api,
        method=method,
        operation=_operation(parameters, api, environment, method),
        status=status,
        check=check,
        missing=missing,
        message=_message(parameters) or f"The {api.label} refused the call with status {status}.",
    )


def whose_token(token: str, environment: Environment, lookup: Lookup) -> RefusalFacts:
    """The client and the credential of a token, valid or not; empty if the token isn't ours."""
    try:
        claims = verified_claims(token, environment, lookup)
    except BearerError as error:
        return error.facts
    return RefusalFacts(
        client_id=claims["client_id"], credential_id=claims["credential_id"], is_authentic=True
    )


def note_report(
    request: HttpRequest, environment: Environment, report: Report, facts: RefusalFacts
) -> None:
    """Put the refusal on the queue."""
    minute = int(time.monotonic() // 60)
    if not facts.is_authentic and not refusal_log.anonymous_cap.allows(
        client_ip(request), minute=minute
    ):
        return
    operation = report.operation
    refusal_log.writer.put(
        Refused(
            request_id=getattr(request, "request_id", ""),
            at=timezone.now(),
            environment=environment.value,
            what=RefusedWhat.REPORTED.value,
            method=report.method[:10],
            path=operation.path[:200] if operation else "",
            status=report.status,
            error="",
            code=_CODES[report.check] if report.check else "",
            message=report.message,
            check_name=str(report.check or ""),
            reason=Reason.REFUSED_BY_API,
            presented_client_id=facts.client_id,
            is_authentic=facts.is_authentic,
            credential_id=facts.credential_id,
            missing=report.missing[:300],
            address=None,
            api=report.api.id,
            operation=operation.id if operation else "",
        )
    )


def _api(parameters: Parameters, environment: Environment) -> Api:
    api = settings.PLATFORM.apis.get(parameters.require("api"))
    if api is None or environment not in api.trees:
        raise InvalidRequest(
            "The parameter api must be the ID of an API in the platform file that has a server in "
            "this environment."
        )
    return api


def _operation(
    parameters: Parameters, api: Api, environment: Environment, method: str
) -> Operation | None:
    path = parameters.require("path").partition("?")[0]
    if not path.startswith("/"):
        raise InvalidRequest("The parameter path must begin with a slash.")
    try:
        return listed_operation(api.trees[environment], OriginalRequest(method, path, ""))
    except HostilePath:
        return None


def _status(parameters: Parameters) -> int:
    status = parameters.require("status")
    if not _STATUS.fullmatch(status):
        raise InvalidRequest("The parameter status must be an HTTP status from 400 to 499.")
    return int(status)


def _missing(parameters: Parameters) -> tuple[CheckName | None, str]:
    scopes = (parameters.get("scope") or "").split()
    permission = parameters.get("permission") or ""
    if not settings.PLATFORM.scopes.keys() >= set(scopes):
        raise InvalidRequest("The parameter scope must name app scopes of the platform.")
    if permission and permission not in settings.PLATFORM.permissions:
        raise InvalidRequest("The parameter permission must name a user permission.")
    if scopes:
        return CheckName.SCOPE, settings.PLATFORM.scope_string(scopes)
    return (CheckName.PERMISSION, permission) if permission else (None, "")


def _message(parameters: Parameters) -> str:
    message, token = parameters.get("message") or "", parameters.require("token")
    if len(token) >= SHORTEST_TOKEN:
        message = message.replace(token, "")
    said = without_secrets(message)
    printable = "".join(character if character.isprintable() else " " for character in said)
    return " ".join(printable.split())[:MESSAGE_LENGTH]
