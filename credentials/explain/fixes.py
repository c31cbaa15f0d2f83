"""What mends a refused request: a link for whoever may do it, a name for whoever may not."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsolePermission
from credentials.access import CredentialOwner
from credentials.explain.walks import STATE
from credentials.models import Client, JwtCredential
from credentials.refused import CheckName, Reason
from credentials.wording import end_in_words


@dataclass(frozen=True)
class Fix:
    """What mends it; with a link for whoever may do it."""

    text: str
    url: str = ""


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
    is_call: bool = False


def fixes_of(case: Case, viewer: Membership) -> Iterator[Fix]:
    if case.check in (CheckName.CLIENT, CheckName.FLOW, CheckName.SCOPE):
        yield from app_fixes(case, viewer)
    elif case.check in (CheckName.OWNER, CheckName.PERMISSION):
        yield from _owner_fixes(case, viewer)
    elif case.check in (CheckName.SIGNATURE, CheckName.ENVIRONMENT):
        yield from _token_fixes(case, viewer)
    elif case.check in STATE and case.credential is not None:
        yield from _credential_fixes(case, case.credential, viewer)
    elif case.check in _BY_THE_CALLER:
        is_bare_call = case.check is CheckName.REQUEST and case.is_call
        yield Fix(_BARE_CALL if is_bare_call else _BY_THE_CALLER[case.check])


# What only the program that sent the request can do.
_BY_THE_CALLER: dict[CheckName | None, str] = {
    CheckName.REQUEST: "Send a form body by POST, every parameter once, and authenticate once.",
    CheckName.LIMIT: "Wait as many seconds as the header Retry-After says, and keep an access "
    "token until it expires.",
    CheckName.TOKEN: "Exchange the JWT credential again for a new access token.",
    CheckName.SESSION: "Exchange the JWT credential again for a new access token.",
}
_BARE_CALL = (
    "Send the header Authorization: Bearer with the access token, and no token in the query string."
)


def end_of_credential(check: CheckName | None, credential: JwtCredential | None) -> str:
    """Who ended the credential, when and why, where that is what failed; else empty."""
    if check not in (CheckName.REVOCATION, CheckName.EXPIRY) or credential is None:
        return ""
    return end_in_words(credential)


def app_fixes(case: Case, viewer: Membership) -> Iterator[Fix]:
    client = case.client
    if client is None:
        yield Fix("Compare client ID and secret with the app's page: each environment has its own.",
                  reverse("credentials:applications"))  # fmt: skip
        return
    manages = client.application.managed_by(viewer) and not client.application.is_retired
    ask = f" Ask the app's owner: {client.application.owner.name}."
    page = app_url(client)
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
    if case.is_call:
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
    owner = owner_pages(credential, viewer)
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
            yield Fix("See which apps used it, and its history.", page)
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
    owner = owner_pages(credential, viewer)
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


def app_url(client: Client | None) -> str:
    return reverse("credentials:application", args=[client.application_id]) if client else ""


def owner_pages(credential: JwtCredential, viewer: Membership) -> CredentialOwner:
    is_own = credential.extension.user_id == viewer.user_id
    owner = viewer if is_own else credential.owner
    return CredentialOwner(viewer, owner, through_organization=not is_own)
