"""The kinds of requests that the APIs refuse, each with its checks in their order."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from accounts.platform import built_in
from accounts.platform.words import later
from credentials.explain.check_texts import CHECK_TEXTS, Side
from credentials.models.refusals import RefusedWhat
from credentials.oauth.checks import SCOPE_CHECK_NAMES, STATE_CHECK_NAMES
from credentials.oauth.grants import GRANTS
from credentials.oauth.grants.grant import Grant
from credentials.refused import CheckName


@dataclass(frozen=True)
class RequestKind:
    label: str
    checks: tuple[CheckName, ...]
    titles: Mapping[CheckName, str]
    is_call: bool = False
    """Whether it calls an API, built-in or not."""

    def title(self, check: CheckName) -> str:
        return self.titles.get(check, CHECK_TEXTS[check].title)

    def side(self, check: CheckName) -> Side:
        text = CHECK_TEXTS[check]
        return text.side_in_call or text.side if self.is_call else text.side


_IN_CALLS = {name: text.title_in_call for name, text in CHECK_TEXTS.items() if text.title_in_call}
_BEARER_CHECKS = (
    CheckName.REQUEST,
    CheckName.SIGNATURE,
    CheckName.ENVIRONMENT,
    CheckName.TOKEN,
    CheckName.SESSION,
    CheckName.CLIENT,
    CheckName.FLOW,
    *STATE_CHECK_NAMES,
    CheckName.AUDIENCE,
)
_CALL_CHECKS = (*_BEARER_CHECKS, CheckName.LIMIT, *SCOPE_CHECK_NAMES, CheckName.PERMISSION)
CALL = RequestKind(
    later(lambda: f"{built_in.LABEL} call" if settings.PLATFORM.built_in_api else "API call"),
    _CALL_CHECKS,
    _IN_CALLS,
    is_call=True,
)
_OTHERS = {
    RefusedWhat.CLIENT_REQUEST.value: RequestKind(
        "Request about a token",
        (CheckName.REQUEST, CheckName.CLIENT, CheckName.LIMIT),
        {},
    ),
    RefusedWhat.CALL.value: CALL,
    RefusedWhat.GATEWAY.value: RequestKind(
        "Call through a gateway", (CheckName.OPERATION, *_CALL_CHECKS), _IN_CALLS, is_call=True
    ),
    # The console can't know what the API checked.
    RefusedWhat.REPORTED.value: RequestKind(
        "Call that the API itself refused", (), _IN_CALLS, is_call=True
    ),
    RefusedWhat.VERIFY.value: RequestKind(
        "Token verification by a gateway", _BEARER_CHECKS, _IN_CALLS, is_call=True
    ),
}


def kind_of_grant(grant: Grant) -> RequestKind:
    return RequestKind(grant.label, grant.checks, grant.titles)


def kind_of(what: str) -> RequestKind:
    """The kind of request that a refusal is recorded as."""
    for grant in GRANTS.values():
        if grant.kind == what:
            return kind_of_grant(grant)
    return _OTHERS[what]
