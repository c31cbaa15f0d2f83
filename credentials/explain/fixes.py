"""How to fix a refused request: a link for people who can, and for others whom to ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from accounts.platform.words import word
from accounts.roles import ConsolePermission
from credentials.access import CredentialOwner
from credentials.damage import DAMAGES
from credentials.explain.check_texts import REASON_TEXTS
from credentials.explain.operations import reference_url
from credentials.explain.requests import RequestKind
from credentials.models import Client, JwtCredential
from credentials.oauth.checks import STATE_CHECK_NAMES
from credentials.pauses import may_resume
from credentials.refused import CheckName, Reason
from credentials.wording import end_in_words, pause_in_words


@dataclass(frozen=True)
class Fix:
    """One thing to do; the link is empty if the viewer can't do it."""

    text: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class FailedRequest:
    """Everything that decides how to fix a request."""

    check: CheckName | None
    kind: RequestKind
    environment: Environment
    code: str = ""
    reason: str = ""
    missing: str = ""
    api: str = ""
    client: Client | None = None
    credential: JwtCredential | None = None


def fixes_of(failed: FailedRequest, viewer: Membership) -> Iterator[Fix]:
    if failed.reason in _BY_REASON:
        yield Fix(_BY_REASON[failed.reason], _reference_of(failed))
    elif failed.check in (CheckName.CLIENT, CheckName.FLOW, CheckName.SCOPE):
        yield from _app_fixes(failed, viewer)
    elif failed.check in (CheckName.OWNER, CheckName.PERMISSION):
        yield from _owner_fixes(failed, viewer)
    elif failed.check in (CheckName.SIGNATURE, CheckName.ENVIRONMENT):
        yield from _token_fixes(failed, viewer)
    elif failed.check in _OF_CREDENTIAL and failed.credential is not None:
        yield from _credential_fixes(failed, failed.credential, viewer)
    elif failed.check is None and failed.reason == Reason.REFUSED_BY_API:
        yield Fix("Read the API’s own response, or ask the people who run the API.")
    elif failed.check in _BY_THE_CALLER:
        yield _caller_fix(failed)


_OF_CREDENTIAL = {*STATE_CHECK_NAMES, CheckName.CEILING}
_BY_REASON: dict[str, str] = {
    **{damage.reason: f"Send it {damage.remedy}." for damage in DAMAGES},
    Reason.TOO_MANY_SCOPES: "Request fewer scopes with the parameter scope, or name one API in the "
    "parameter resource.",
    Reason.NOT_A_RESOURCE_SERVER: "Ask the operator to mark the client as a resource server.",
    Reason.GATEWAY_SETUP: "Ask the people who run the API to fix its gateway. The response says "
    "what the gateway must send.",
    Reason.AMBIGUOUS_REQUEST: "Send one method in capital letters, and spell the path as the API’s "
    "reference does: without empty segments, dot segments, or encoded slashes or dots.",
    Reason.OTHER_AUDIENCE: "Get another access token. Name this API in the parameter resource, or "
    "leave the parameter out.",
}
# Only the program that sent the request can do these.
_BY_THE_CALLER: dict[CheckName | None, str] = {
    CheckName.REQUEST: "Send a form body with POST, send each parameter once, and authenticate "
    "the client in one way.",
    CheckName.LIMIT: "Wait the number of seconds in the Retry-After header, and reuse each "
    "access token until it expires.",
    CheckName.OPERATION: "Compare the method and the path with the API’s reference.",
    CheckName.AUDIENCE: "Send the audience of one of the platform’s APIs in the parameter "
    "resource, or leave the parameter out.",
    CheckName.TOKEN: "Exchange the JWT credential again for a new access token.",
    CheckName.SESSION: "Exchange the JWT credential again for a new access token.",
}
_BARE_CALL = (
    "Send the access token in the Authorization: Bearer header, and don’t send a token in the "
    "query string."
)


def _caller_fix(failed: FailedRequest) -> Fix:
    if failed.check is CheckName.REQUEST and failed.kind.is_call:
        return Fix(_BARE_CALL)
    return Fix(_BY_THE_CALLER[failed.check], _reference_of(failed))


def _reference_of(failed: FailedRequest) -> str:
    # For the fixes that say to compare the call with the reference.
    return reference_url(failed.api) if failed.check is CheckName.OPERATION else ""


def cause_of(check: CheckName | None, credential: JwtCredential | None, reason: str) -> str:
    """Why a check failed; empty if the message of the refusal says it already."""
    if reason in REASON_TEXTS:
        return REASON_TEXTS[reason].cause
    if check in (CheckName.REVOCATION, CheckName.EXPIRY) and credential is not None:
        return end_in_words(credential)
    if check is CheckName.PAUSE and credential is not None:
        return pause_in_words(credential)
    return ""


def _app_fixes(failed: FailedRequest, viewer: Membership) -> Iterator[Fix]:
    client = failed.client
    if client is None:
        text = (
            "Compare the client ID and the client secret with the app’s page. Each environment has "
            "its own."
        )
        yield Fix(text, reverse("credentials:applications"))
        return
    manages = client.application.managed_by(viewer) and not client.application.is_retired
    ask = f" Ask the app’s owner: {client.application.owner.name}."
    page = app_url(client)
    if failed.reason == Reason.SUSPENDED_BY_OPERATOR:
        yield Fix("Only the operator of this platform can resume it. Contact their support team.")
        return
    settings = reverse("credentials:application_settings", args=[client.application_id])
    if failed.check is CheckName.SCOPE:
        text, url = f"Add the scope {failed.missing} to the app, then get a new token.", settings
    elif failed.check is CheckName.FLOW:
        text, url = "Turn it on in the app’s settings.", settings
    elif failed.reason == Reason.SUSPENDED:
        text, url = "Resume the client ID.", page
    elif failed.reason == Reason.OTHER_ENVIRONMENT:
        text, url = f"Use the {failed.environment.label.lower()} client ID of the app.", page
    else:
        text = "Check the client secret in the app’s configuration. If you lost it, replace it."
        url = reverse("credentials:replace_client_secret",
                      args=[client.application_id, client.environment])  # fmt: skip
    yield Fix(text, url) if manages else Fix(text + ask)


def _token_fixes(failed: FailedRequest, viewer: Membership) -> Iterator[Fix]:
    here, there = failed.environment, failed.environment.other
    if failed.kind.is_call:
        yield Fix(f"Exchange a JWT credential at {here.urls.token_endpoint}, and send the access "
                  "token from the response.")  # fmt: skip
        return
    if failed.check is CheckName.SIGNATURE:
        yield Fix("Copy the whole JWT again, or paste it below to see what is wrong with it.")
        return
    yield Fix(f"Send it to {there.urls.token_endpoint}, with the app’s client ID for that "
              "environment.")  # fmt: skip
    credential = failed.credential
    if credential is None or credential.extension.user_id != viewer.user_id:
        return
    if viewer.user.extensions.filter(account__environment=here).exists():
        yield _another(credential, viewer, f"Create a {here.label.lower()} credential.")
    elif here is Environment.SANDBOX:
        yield Fix(f"Create a sandbox {word('account')}, then a sandbox credential.",
                  reverse("accounts:sandbox_account"))  # fmt: skip


def _credential_fixes(
    failed: FailedRequest, credential: JwtCredential, viewer: Membership
) -> Iterator[Fix]:
    owner = owner_pages(credential, viewer)
    page = owner.url("detail", credential)
    name = credential.extension.user.name
    if failed.check is CheckName.APP_ACCESS:
        yield from _allow_list_fixes(failed, owner, page, name)
    elif failed.check is CheckName.PAUSE:
        yield _pause_fix(credential, owner)
    elif failed.check is CheckName.CEILING:
        what = f"the scope {failed.missing}" if failed.missing else "one of the app’s scopes"
        text = f"Add {what} to the credential’s ceiling, then get a new token."
        yield Fix(text, page) if owner.may_manage else Fix(f"{text} Ask {name}.")
    elif failed.check is CheckName.NETWORK:
        text = "Call from an allowed network, or change the credential’s networks."
        yield Fix(text, page) if owner.may_manage else Fix(f"{text} Ask {name}.")
        yield _policy_fix(failed, viewer)
    elif failed.check is CheckName.POLICY:
        yield _another(credential, viewer, "Create a credential that the policy allows.")
        yield _policy_fix(failed, viewer)
    else:
        if failed.check is CheckName.REVOCATION:
            yield Fix("View the credential’s history and the apps that used it.", page)
        yield _another(credential, viewer, "Create another credential and use it instead.")


def _pause_fix(credential: JwtCredential, owner: CredentialOwner) -> Fix:
    if not credential.is_paused() or credential.paused_by is None:
        return Fix("The pause has ended. Send the request again.")
    text = "Resume the credential, or wait until the pause ends."
    if owner.may_manage and may_resume(credential, owner.viewer):
        return Fix(text, owner.url("resume", credential))
    return Fix(
        f"Wait until the pause ends, or ask {credential.paused_by.name} to resume the credential."
    )


def _allow_list_fixes(
    failed: FailedRequest, owner: CredentialOwner, page: str, name: str
) -> Iterator[Fix]:
    application = failed.client.application if failed.client else None
    foreign = application is not None and (
        application.organization_id != owner.owner.organization_id
    )
    if application is not None and foreign and not application.is_public:
        yield Fix("The app is private and belongs to another organization. Only its provider can "
                  "make it public.")  # fmt: skip
        return
    text = "Add the app to the credential."
    yield Fix(text, page) if owner.may_manage else Fix(f"{text} Ask {name}.")


def _another(credential: JwtCredential, viewer: Membership, text: str) -> Fix:
    owner = owner_pages(credential, viewer)
    if owner.may_manage:
        return Fix(text, owner.url("create"))
    return Fix(f"{text} Ask {credential.extension.user.name}.")


def _policy_fix(failed: FailedRequest, viewer: Membership) -> Fix:
    text = "Change the organization policy."
    if viewer.may(ConsolePermission.POLICY_MANAGE):
        return Fix(text, reverse("organization:policy", args=[failed.environment.value]))
    return Fix(f"{text} {_ask_administrators(viewer)}")


def _owner_fixes(failed: FailedRequest, viewer: Membership) -> Iterator[Fix]:
    if failed.credential is None:
        return
    found = list(_possible_owner_fixes(failed, failed.credential))
    if not found:
        yield Fix("Someone has fixed this since. Send the request again.")
    for text, url, permission in found:
        can = viewer.may(permission)
        yield Fix(text, url) if can else Fix(f"{text} {_ask_administrators(viewer)}")


def _possible_owner_fixes(
    failed: FailedRequest, credential: JwtCredential
) -> Iterator[tuple[str, str, ConsolePermission]]:
    extension, owner = credential.extension, credential.owner
    name = extension.user.name
    change_extension = reverse("accounts:change_extension", args=[extension.pk])
    if failed.check is CheckName.PERMISSION:
        text = f"Give {name} a user role that has {failed.missing}."
        yield text, change_extension, ConsolePermission.EXTENSION_MANAGE
        return
    if not extension.user.is_active:
        url = reverse("organization:reactivate", args=[owner.user_id])
        yield f"Reactivate {name}.", url, ConsolePermission.ACCESS_MANAGE
    if not owner.is_developer:
        text = f"Give {name} the console role Developer or higher."
        url = reverse("organization:change_role", args=[owner.user_id])
        yield text, url, ConsolePermission.ACCESS_MANAGE
    if not extension.is_enabled:
        where = credential.environment.label.lower()
        text = f"Enable the {where} {word('account')} of {name}."
        yield text, change_extension, ConsolePermission.EXTENSION_MANAGE


def _ask_administrators(viewer: Membership) -> str:
    administrators = viewer.organization.memberships.filter(
        is_account_admin=True, user__is_active=True
    ).select_related("user")[:3]
    names = ", ".join(each.user.name for each in administrators)
    return f"Ask an account administrator: {names}." if names else "Ask an account administrator."


def app_url(client: Client | None) -> str:
    return reverse("credentials:application", args=[client.application_id]) if client else ""


def owner_pages(credential: JwtCredential, viewer: Membership) -> CredentialOwner:
    is_own = credential.extension.user_id == viewer.user_id
    owner = viewer if is_own else credential.owner
    return CredentialOwner(viewer, owner, through_organization=not is_own)
