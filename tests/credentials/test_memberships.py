"""Pages that take access away or give it back, and what that does to credentials and apps."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actions.memberships import change_role, deactivate, reactivate, remove_access
from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Membership
from accounts.roles import ConsoleRole
from credentials.actions.applications import (
    retire_application,
    transfer_application,
    update_application,
)
from credentials.actions.clients import issue_client, replace_client_secret, resume_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Application, ExchangeUsage, JwtCredential
from credentials.models.applications import ClientStatus
from credentials.reports.owner_impact import owner_impact
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn

MEMBERSHIP_PAGES = ["change_role", "remove_access", "deactivate", "reactivate"]
AUDITOR = {"role": "auditor"}


def url_of(name: str, person: Membership) -> str:
    return reverse(f"organization:{name}", args=[person.user_id])


def refreshed(person: Membership) -> Membership:
    return Membership.objects.select_related("user").get(pk=person.pk)


@pytest.fixture
def app(rebels: Rebels) -> App:
    return api.app(rebels.leia, name="Base Reporting")


@pytest.fixture
def used(app: App, credential: JwtCredential) -> JwtCredential:
    ExchangeUsage.objects.count_exchange(credential.pk, app.client.pk, times=1234)
    return credential


# --- Confirmation --------------------------------------------------------------------------------


def test_a_role_that_breaks_nothing_is_saved_at_once(rebels: Rebels, leia: Client) -> None:
    response = leia.post(
        url_of("change_role", rebels.luke), {"role": "auditor", "is_account_admin": "on"}
    )
    assert response["Location"] == reverse("accounts:access")
    luke = refreshed(rebels.luke)
    assert (luke.role, luke.is_account_admin) == (ConsoleRole.AUDITOR, True)
    assert AuditEvent.objects.filter(kind=AuditKind.MEMBERSHIP_ROLE_CHANGED).count() == 1


def test_a_role_that_breaks_credentials_is_confirmed_first(
    rebels: Rebels, used: JwtCredential, leia: Client
) -> None:
    cast.credential(rebels.luke, label="Never exchanged")
    url = url_of("change_role", rebels.luke)
    page = leia.post(url, AUDITOR | {"is_account_admin": "on"}).content.decode()
    for text in (
        "Contractor Key",
        "Base Reporting, 1,234 times",
        "Change role",
        "1 unused credential will also stop",
    ):
        assert text in page
    assert "Never exchanged" not in page
    assert refreshed(rebels.luke).role == ConsoleRole.DEVELOPER
    confirmed = AUDITOR | {"is_account_admin": "on", "confirmed": "on"}
    form = page[page.index('<form method="post" class="form">') :]
    for name, value in confirmed.items():
        assert re.search(rf'<input type="hidden" name="{name}" value="({value}|True)"', form)
    assert leia.post(url, confirmed).status_code == 302
    luke = refreshed(rebels.luke)
    assert (luke.role, luke.is_account_admin) == (ConsoleRole.AUDITOR, True)


@pytest.mark.parametrize("role", ["developer", "developer_admin"])
def test_developers_keep_their_credentials_without_a_question(
    role: str, rebels: Rebels, used: JwtCredential, leia: Client
) -> None:
    response = leia.post(url_of("change_role", rebels.luke), {"role": role})
    assert response.status_code == 302
    assert refreshed(rebels.luke).role == role


def test_a_role_change_asks_nothing_if_no_credential_works(
    rebels: Rebels, used: JwtCredential, leia: Client
) -> None:
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    assert leia.post(url_of("change_role", rebels.luke), AUDITOR).status_code == 302


@pytest.mark.parametrize("name", ["remove_access", "deactivate"])
def test_taking_access_away_names_what_stops(
    name: str, rebels: Rebels, used: JwtCredential, leia: Client
) -> None:
    cast.application(rebels.luke, "X-wing Dialer")
    page = leia.get(url_of(name, rebels.luke)).content.decode()
    for text in ("Contractor Key", "Base Reporting, 1,234 times", "Luke’s 1 app", "JWT-106"):
        assert text in page
    luke = refreshed(rebels.luke)
    assert luke.is_developer
    assert luke.user.is_active


def test_live_credentials_are_named_by_their_use(
    rebels: Rebels, app: App, used: JwtCredential
) -> None:
    """Not the revoked, not the expired, not those of a disabled login, not old use."""
    revoked = cast.credential(rebels.luke, label="Revoked")
    ExchangeUsage.objects.count_exchange(revoked.pk, app.client.pk)
    revoke_jwt_credential(revoked, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    old = cast.credential(rebels.luke, label="Old", at=api.long_ago())
    ExchangeUsage.objects.count_exchange(old.pk, app.client.pk, at=api.long_ago())
    production = cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    production.extension.status = "Disabled"
    production.extension.save()
    live = owner_impact(rebels.luke)
    assert [each.credential for each in live.used] == [used]
    assert [(use.application_name, use.exchanges) for use in live.used[0].clients] == [
        ("Base Reporting", 1234)
    ]
    assert (live.count, live.used_count, live.unused, live.more) == (2, 1, 1, 0)


# --- What it does --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("take", "give_back"),
    [
        (("remove_access", {}), ("change_role", {"role": "developer"})),
        (("change_role", AUDITOR | {"confirmed": "on"}), ("change_role", {"role": "developer"})),
        (("deactivate", {}), ("reactivate", {})),
    ],
)
def test_credentials_stop_at_the_next_request_and_come_back(
    take: tuple[str, dict[str, str]],
    give_back: tuple[str, dict[str, str]],
    rebels: Rebels,
    app: App,
    credential: JwtCredential,
    leia: Client,
) -> None:
    revoked = cast.credential(rebels.luke, label="Revoked meanwhile")
    jwt, token = credential.encode(), api.access_token(app, credential)
    assert api.call("GET", "/account/~", token).status_code == 200

    name, data = take
    assert leia.post(url_of(name, rebels.luke), data).status_code == 302
    response = api.exchange(app, jwt)
    assert response.status_code == 400
    assert response.json()["errors"][0]["errorCode"] == "JWT-106"
    response = api.call("GET", "/account/~", token)
    assert response.status_code == 401
    assert response.json()["errorCode"] == "OAU-213"

    revoke_jwt_credential(revoked, reason="", actor=rebels.leia.user, origin=cast.ORIGIN)
    name, data = give_back
    assert leia.post(url_of(name, rebels.luke), data).status_code == 302
    assert api.exchange(app, jwt).status_code == 200
    assert api.call("GET", "/account/~", token).status_code == 200
    response = api.exchange(app, revoked.encode())
    assert response.json()["errors"][0]["errorCode"] == "JWT-102"


def test_reactivating_shows_what_comes_back(
    rebels: Rebels, used: JwtCredential, leia: Client
) -> None:
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    page = leia.get(url_of("reactivate", rebels.luke)).content.decode()
    assert "1 JWT credential will work again." in page
    assert "Contractor Key" in page


@pytest.mark.parametrize(
    ("name", "data"), [("change_role", AUDITOR), ("remove_access", {}), ("deactivate", {})]
)
def test_the_last_administrator_reads_why_not(
    name: str, data: dict[str, str], rebels: Rebels, leia: Client
) -> None:
    response = leia.post(url_of(name, rebels.leia), data)
    assert response.status_code == 200
    assert "is the last active account administrator" in response.content.decode()
    assert refreshed(rebels.leia).is_account_admin


def test_an_administrator_who_resigns_leaves_the_access_page(rebels: Rebels, leia: Client) -> None:
    change_role(
        rebels.han,
        role=ConsoleRole.DEVELOPER,
        is_account_admin=True,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    response = leia.post(url_of("change_role", rebels.leia), {"role": "developer"})
    assert response["Location"] == reverse("dashboard")


def test_a_deactivated_person_is_marked(rebels: Rebels, leia: Client) -> None:
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    page = leia.get(url_of("change_role", rebels.luke)).content.decode()
    assert "Deactivated" in page
    assert url_of("reactivate", rebels.luke) in page
    assert f'href="{url_of("deactivate", rebels.luke)}"' not in page


# --- Doors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEMBERSHIP_PAGES)
def test_deciding_about_access_needs_step_up(name: str, rebels: Rebels, sign_in: SignIn) -> None:
    url = url_of(name, rebels.luke)
    browser = cast.as_later(sign_in(rebels.leia))
    for response in (browser.get(url), browser.post(url, AUDITOR)):
        assert response["Location"].startswith(reverse("account_reauthenticate"))
    luke = refreshed(rebels.luke)
    assert luke.is_developer
    assert luke.user.is_active


# --- A leaver's apps -----------------------------------------------------------------------------


@pytest.fixture
def dialer(rebels: Rebels) -> App:
    return api.app(rebels.luke, name="X-wing Dialer")


def transfer(browser: Client, person: Membership, to: str, *apps: Application) -> Any:
    data = {"applications": [str(app.pk) for app in apps], "new_owner": to}
    return browser.post(url_of("transfer_applications", person), data)


@pytest.mark.parametrize("who", ["leia", "han"])
def test_apps_are_transferred_to_another_developer(
    who: str,
    rebels: Rebels,
    dialer: App,
    credential: JwtCredential,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    deactivate(rebels.luke, actor=rebels.leia.user, origin=cast.ORIGIN)
    stays = cast.application(rebels.lando, "Cloud Car")
    browser = sign_in(getattr(rebels, who))
    page = browser.get(url_of("transfer_applications", rebels.luke)).content.decode()
    assert "X-wing Dialer" in page
    assert "lando@rebels.example" in page
    for nobody in ("c3po@", "wedge@", 'value="luke@'):
        assert nobody not in page
    with django_capture_on_commit_callbacks(execute=True):
        response = transfer(browser, rebels.luke, "Lando@rebels.example", dialer.application)
    assert response["Location"] == url_of("transfer_applications", rebels.luke)
    dialer.application.refresh_from_db()
    assert dialer.application.owner == rebels.lando.user
    event = AuditEvent.objects.get(kind=AuditKind.APPLICATION_TRANSFERRED)
    assert event.details == {"changes": {"owner": ["luke@rebels.example", "lando@rebels.example"]}}
    [message] = mail.outbox
    assert message.to == ["lando@rebels.example"]
    assert (
        "the owner of the app “X-wing Dialer”.\nThe previous owner was Luke Example" in message.body
    )
    lando = sign_in(rebels.lando)
    for app in (dialer.application, stays):
        assert lando.get(reverse("credentials:application", args=[app.pk])).status_code == 200
    assert (
        "You transferred 1 app to Lando Example."
        in browser.get(response["Location"]).content.decode()
    )


def test_a_transferred_app_keeps_working(rebels: Rebels, dialer: App, leia: Client) -> None:
    jwt = cast.credential(rebels.leia).encode()
    transfer(leia, rebels.luke, "lando@rebels.example", dialer.application)
    assert api.exchange(dialer, jwt).status_code == 200


@pytest.mark.parametrize(
    "to", ["", "nobody", "c3po@rebels.example", "wedge@rebels.example", "lobot@cloudcity.example",
           "luke@rebels.example", "han@rebels.example"]
)  # fmt: skip
def test_apps_go_only_to_an_active_developer(
    to: str, rebels: Rebels, partners: Partners, dialer: App, leia: Client
) -> None:
    deactivate(rebels.han, actor=rebels.leia.user, origin=cast.ORIGIN)
    response = transfer(leia, rebels.luke, to, dialer.application)
    assert response.context["form"].errors.keys() == {"new_owner"}
    dialer.application.refresh_from_db()
    assert dialer.application.owner == rebels.luke.user


def test_only_the_apps_of_the_person_are_transferred(rebels: Rebels, leia: Client) -> None:
    other = cast.application(rebels.han)
    cast.application(rebels.luke)
    response = transfer(leia, rebels.luke, "lando@rebels.example", other)
    assert response.context["form"].errors.keys() == {"applications"}
    other.refresh_from_db()
    assert other.owner == rebels.han.user


@pytest.mark.parametrize("who", ["luke", "lando", "c3po", "wedge"])
def test_only_admins_transfer_apps(who: str, rebels: Rebels, dialer: App, sign_in: SignIn) -> None:
    browser = sign_in(getattr(rebels, who))
    assert browser.get(url_of("transfer_applications", rebels.luke)).status_code == 403
    response = transfer(browser, rebels.luke, "lando@rebels.example", dialer.application)
    assert response.status_code == 403
    with pytest.raises(PermissionDenied):
        transfer_application(
            dialer.application,
            rebels.lando,
            actor=getattr(rebels, who).user,
            origin=cast.ORIGIN,
        )


def test_apps_never_leave_their_organization(
    rebels: Rebels, partners: Partners, dialer: App
) -> None:
    for actor, receiver in ((partners.lobot, partners.lobot), (rebels.leia, partners.lobot)):
        with pytest.raises(PermissionDenied):
            transfer_application(dialer.application, receiver, actor=actor.user, origin=cast.ORIGIN)


# --- Retired apps --------------------------------------------------------------------------------


def app_url(name: str, app: App, *environment: Environment) -> str:
    return reverse(f"credentials:{name}", args=[app.application.pk, *environment])


@pytest.mark.parametrize("who", ["luke", "han"])
def test_a_retired_app_no_longer_works(
    who: str, rebels: Rebels, dialer: App, credential: JwtCredential, sign_in: SignIn
) -> None:
    token = api.access_token(dialer, credential)
    browser = sign_in(getattr(rebels, who))
    page = browser.get(app_url("retire_application", dialer)).content.decode()
    assert "Contractor Key" in page
    assert "OAU-146" in page
    response = browser.post(app_url("retire_application", dialer))
    assert response["Location"] == app_url("application", dialer)

    dialer.application.refresh_from_db()
    dialer.client.refresh_from_db()
    assert dialer.application.is_retired
    assert dialer.client.status == ClientStatus.SUSPENDED
    response = api.exchange(dialer, credential.encode())
    assert response.status_code == 401
    assert response.json()["errors"][0]["errorCode"] == "OAU-146"
    assert api.call("GET", "/account/~", token).json()["errorCode"] == "OAU-213"
    event = AuditEvent.objects.get(kind=AuditKind.APPLICATION_RETIRED)
    assert event.details == {"client_ids": [dialer.client_id]}

    page = browser.get(app_url("application", dialer)).content.decode()
    assert "Retired" in page
    for gone in ("Replace<", "Resume<", "Issue client ID", "Edit settings"):
        assert gone not in page
    listed = browser.get(reverse("credentials:applications")).content.decode()
    assert 'class="is-dim"' in listed
    assert "Retired" in listed


def test_a_retired_app_can_not_change(rebels: Rebels, dialer: App) -> None:
    by: dict[str, Any] = {"actor": rebels.leia.user, "origin": cast.ORIGIN}
    retire_application(dialer.application, **by)
    app = dialer.application
    refused: list[Any] = [
        lambda: resume_client(dialer.client, **by),
        lambda: issue_client(app, Environment.PRODUCTION, **by),
        lambda: replace_client_secret(dialer.client, **by),
        lambda: transfer_application(app, rebels.lando, **by),
        lambda: update_application(
            app,
            name="Again",
            description="",
            is_public=False,
            scopes=[],
            uses_jwt_flow=True,
            issues_refresh_tokens=False,
            **by,
        ),
    ]
    for act in refused:
        with pytest.raises(ValidationError, match="X-wing Dialer is retired"):
            act()
    dialer.client.refresh_from_db()
    assert dialer.client.status == ClientStatus.SUSPENDED
    retire_application(app, **by)
    assert AuditEvent.objects.filter(kind=AuditKind.APPLICATION_RETIRED).count() == 1


@pytest.mark.parametrize("name", ["resume_client", "issue_client", "suspend_client"])
def test_pages_of_a_retired_app_say_so(
    name: str, rebels: Rebels, dialer: App, leia: Client
) -> None:
    retire_application(dialer.application, actor=rebels.leia.user, origin=cast.ORIGIN)
    page = leia.post(app_url(name, dialer, Environment.SANDBOX), follow=True).content.decode()
    assert "X-wing Dialer is retired" in page


def test_retired_apps_are_not_transferred(rebels: Rebels, dialer: App, leia: Client) -> None:
    retire_application(dialer.application, actor=rebels.leia.user, origin=cast.ORIGIN)
    page = leia.get(url_of("transfer_applications", rebels.luke)).content.decode()
    assert "own any active apps" in page


def test_restored_access_makes_credentials_work_again(
    rebels: Rebels, credential: JwtCredential, app: App
) -> None:
    by: dict[str, Any] = {"actor": rebels.leia.user, "origin": cast.ORIGIN}
    jwt = credential.encode()
    remove_access(rebels.luke, **by)
    assert api.exchange(app, jwt).status_code == 400
    change_role(rebels.luke, role=ConsoleRole.DEVELOPER, is_account_admin=False, **by)
    deactivate(rebels.luke, **by)
    assert api.exchange(app, jwt).status_code == 400
    reactivate(rebels.luke, **by)
    assert api.exchange(app, jwt).status_code == 200
