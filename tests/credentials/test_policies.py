"""Policies: who sees and changes them, and where each of them stops something."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import second_factor
from accounts.actions.organizations import require_second_factor
from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Membership, Organization
from accounts.roles import ConsoleRole
from credentials.actions.jwt_credentials import revoke_jwt_credential, update_jwt_credential
from credentials.actions.policies import ConfirmationNeededError, update_policy
from credentials.models import AppAccess, ExchangeUsage, JwtCredential, Policy
from credentials.reports.tightening import SHOWN_AT_MOST, tightening
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    errors_of,
    fields_of,
    submission,
    text_of,
    the_event,
    url,
    words_of,
)

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
PAGE = "/console/organization/policies"
EDIT = f"{PAGE}/sandbox"
FACTOR = f"{PAGE}/second-factor"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


def rule(organization: Organization, environment: Environment = SANDBOX, **rules: Any) -> Policy:
    """A policy as it stands, whoever saved it."""
    policy, _ = Policy.objects.update_or_create(
        organization=organization, environment=environment, defaults=rules
    )
    return policy


def values(**changed: Any) -> dict[str, Any]:
    """The form of a policy without limits."""
    generous = {
        "max_lifetime_days": "",
        "all_apps_allowed": "on",
        "creator_role": "developer",
        "allowed_networks": "",
    }
    return generous | changed


@pytest.fixture
def app(rebels: Rebels) -> App:
    return api.app(rebels.luke, name="X-wing Dialer")


@pytest.fixture
def leia(rebels: Rebels, sign_in: SignIn) -> Browser:
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    return browser


def give_factor(membership: Membership) -> None:
    TOTP.activate(membership.user, "JBSWY3DPEHPK3PXP")


# --- The page --------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["leia", "han", "c3po"])
def test_the_page_shows_both_environments(rebels: Rebels, sign_in: SignIn, person: str) -> None:
    rule(rebels.organization, max_lifetime_days=90, all_apps_allowed=False)
    rule(
        rebels.organization,
        PRODUCTION,
        creator_role="developer_admin",
        expiry_required=True,
        allowed_networks=["192.0.2.0/24", "2001:db8::/32"],
    )
    page = sign_in(getattr(rebels, person)).get(PAGE)
    words = words_of(page)
    for row in (
        "Maximum lifetime 90 days No limit",
        "Expiration date Required Required",
        "Credentials for all apps Not allowed: specific apps only Allowed",
        "Who creates credentials Developers and Developer Admins Developer Admins only",
        "Apps call from Anywhere 192.0.2.0/24 2001:db8::/32",
        "Developers Optional · 2 of 2 have none yet.",
    ):
        assert row in words
    assert (EDIT in text_of(page)) == (person == "leia")
    assert (FACTOR in text_of(page)) == (person == "leia")


@pytest.mark.parametrize("address", [PAGE, EDIT, FACTOR])
def test_the_pages_ask_for_sign_in(rebels: Rebels, address: str) -> None:
    for response in (Browser().get(address), Browser().post(address)):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("person", "status"), [("luke", 403), ("lando", 403), ("wedge", 403), ("han", 200)]
)
def test_who_sees_policies(rebels: Rebels, sign_in: SignIn, person: str, status: int) -> None:
    assert sign_in(getattr(rebels, person)).get(PAGE).status_code == status


@pytest.mark.parametrize("person", ["luke", "lando", "wedge", "han", "c3po"])
@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_who_does_not_change_policies(
    rebels: Rebels, sign_in: SignIn, person: str, address: str
) -> None:
    browser = sign_in(getattr(rebels, person))
    cast.step_up(browser)
    assert browser.get(address).status_code == 403
    assert browser.post(address, values(roles=["auditor"])).status_code == 403
    assert not Policy.objects.exists()


def test_actions_ask_for_the_right_themselves(rebels: Rebels, partners: Partners) -> None:
    for actor in (rebels.han.user, rebels.luke.user, partners.lobot.user):
        with pytest.raises(PermissionDenied):
            save(rebels, actor=actor)
        with pytest.raises(PermissionDenied):
            require_second_factor(rebels.organization, roles=[], actor=actor, origin=cast.ORIGIN)


def test_an_outsider_changes_only_their_own_policies(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    rule(rebels.organization, max_lifetime_days=77)
    browser = sign_in(partners.lobot)
    cast.step_up(browser)
    assert "77" not in words_of(browser.get(PAGE))
    assert 'value="77"' not in text_of(browser.get(EDIT))
    assert browser.post(EDIT, values(max_lifetime_days="5")).status_code == 302
    assert Policy.objects.get(organization=rebels.organization).max_lifetime_days == 77
    assert Policy.objects.get(organization=partners.organization).max_lifetime_days == 5


@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_changes_ask_for_step_up(rebels: Rebels, sign_in: SignIn, address: str) -> None:
    browser = sign_in(rebels.leia)
    for response in (browser.get(address), browser.post(address, values(roles=["auditor"]))):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert not Policy.objects.exists()
    assert browser.get(PAGE).status_code == 200
    assert browser.post(PAGE).status_code == 405


@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_changes_are_protected_from_forgery(rebels: Rebels, address: str) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(rebels.leia.user)
    assert browser.post(address, values()).status_code == 403


def test_another_environment_is_unknown(leia: Browser) -> None:
    assert leia.get(f"{PAGE}/staging").status_code == 404


def test_saving_a_policy(rebels: Rebels, leia: Browser) -> None:
    response = leia.post(
        EDIT,
        values(
            max_lifetime_days="90",
            expiry_required="on",
            all_apps_allowed="",
            creator_role="developer_admin",
            allowed_networks="192.0.2.7\r\n2001:DB8::/32, ::ffff:198.51.100.0/120",
        ),
    )
    assert (response.status_code, response["Location"]) == (302, PAGE)
    policy = Policy.objects.get()
    assert (policy.organization, policy.environment) == (rebels.organization, "sandbox")
    event = the_event(AuditKind.POLICY_UPDATED)
    assert (event.actor, event.target_type, event.target_id) == (
        rebels.leia.user,
        "policy",
        str(policy.pk),
    )
    assert (event.organization, event.request_id) == (rebels.organization, response["X-Request-Id"])
    assert event.details == {
        "environment": "sandbox",
        "changes": {
            "max_lifetime_days": [None, 90],
            "expiry_required": [False, True],
            "all_apps_allowed": [True, False],
            "creators": ["Developers", "Developer Admins"],
            "allowed_networks": [[], ["192.0.2.7/32", "2001:db8::/32", "198.51.100.0/24"]],
        },
    }
    words = words_of(leia.get(PAGE))
    assert "The sandbox policy is saved." in words
    assert "leia@rebels.example changed the policy" in words
    assert "Max lifetime days: none → 90" in words
    assert "Expiry required: no → yes" in words
    page = text_of(leia.get(EDIT))
    assert 'value="90"' in page
    assert "192.0.2.7/32\n2001:db8::/32" in page


def test_saving_the_same_leaves_no_trace(leia: Browser) -> None:
    assert leia.post(EDIT, values()).status_code == 302
    assert not Policy.objects.exists()
    assert not AuditEvent.objects.filter(kind=AuditKind.POLICY_UPDATED).exists()


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"max_lifetime_days": "0"}, "max_lifetime_days", "greater than or equal to 1"),
        ({"max_lifetime_days": "99999"}, "max_lifetime_days", "less than or equal to 3650"),
        ({"max_lifetime_days": "soon"}, "max_lifetime_days", "whole number"),
        ({"creator_role": "auditor"}, "creator_role", "not one of the available choices"),
        ({"allowed_networks": "office"}, "allowed_networks", "no address and no network"),
        ({"allowed_networks": "10.0.0.1/8"}, "allowed_networks", "write 10.0.0.0/8"),
    ],
)
def test_mistakes_stand_beside_their_field(
    leia: Browser, wrong: dict[str, str], field: str, says: str
) -> None:
    response = leia.post(EDIT, values(**{"max_lifetime_days": "30"} | wrong))
    assert response.status_code == 200
    assert says in errors_of(response)[field]
    assert not Policy.objects.exists()


def save(rebels: Rebels, **changed: Any) -> Policy:
    rules: dict[str, Any] = {
        "max_lifetime_days": None,
        "expiry_required": False,
        "all_apps_allowed": True,
        "creator_role": ConsoleRole.DEVELOPER,
        "allowed_networks": [],
        "actor": rebels.leia.user,
        "origin": cast.ORIGIN,
    }
    return update_policy(rebels.organization, SANDBOX, **rules | changed)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_the_action_refuses_a_lifetime_out_of_range(rebels: Rebels, days: int) -> None:
    with pytest.raises(ValidationError, match="Choose 1 to 3650 days"):
        save(rebels, max_lifetime_days=days)


# --- Tightening ------------------------------------------------------------------------------


def test_tightening_shows_what_would_stop_and_asks(rebels: Rebels, leia: Browser, app: App) -> None:
    nightly = cast.credential(rebels.luke, label="Nightly <b>")
    idle = cast.credential(rebels.han, label="Idle")
    fine = cast.credential(rebels.luke, label="Fine", clients=[app.client])
    gone = cast.credential(rebels.luke, label="Gone")
    revoke_jwt_credential(gone, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    cast.credential(rebels.luke, label="Of production", environment=PRODUCTION)
    ExchangeUsage.objects.count_exchange(nightly.pk, app.client.pk, times=3)
    old = timezone.now() - timedelta(days=31)
    ExchangeUsage.objects.count_exchange(idle.pk, app.client.pk, at=old)

    typed = values(all_apps_allowed="", max_lifetime_days="", allowed_networks="")
    page = leia.post(EDIT, typed)
    assert page.status_code == 200
    assert not Policy.objects.exists()
    words = words_of(page)
    assert "2 live credentials stop at the next exchange, which fails with JWT-107." in words
    assert re.search(r"Nightly <b> Luke Example X-wing Dialer \(3\) Idle Han Example No app", words)
    for label in (fine.label, gone.label, "Of production"):
        assert label not in words

    hidden = fields_of(page, EDIT)
    assert set(hidden) == {*values(), "expiry_required", "confirmed"}
    again = leia.post(EDIT, hidden | {"edit": "1"})
    assert "Save the sandbox policy?" not in words_of(again)
    assert not Policy.objects.exists()
    assert leia.post(EDIT, hidden | {"confirmed": "guessed"}).status_code == 200
    assert not Policy.objects.exists()
    assert leia.post(EDIT, hidden).status_code == 302
    assert not Policy.objects.get().all_apps_allowed


def test_nothing_typed_is_lost_on_the_way(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    typed = values(
        max_lifetime_days="30",
        expiry_required="on",
        creator_role="developer_admin",
        allowed_networks="192.0.2.0/24\r\n::1",
    )
    hidden = fields_of(leia.post(EDIT, typed), EDIT)
    assert leia.post(EDIT, hidden).status_code == 302
    policy = Policy.objects.get()
    assert (policy.max_lifetime_days, policy.expiry_required) == (30, True)
    assert (policy.all_apps_allowed, policy.creator_role) == (True, "developer_admin")
    assert policy.allowed_networks == ["192.0.2.0/24", "::1/128"]


def test_a_confirmation_is_good_for_what_was_shown(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    hidden = fields_of(leia.post(EDIT, values(all_apps_allowed="")), EDIT)
    cast.credential(rebels.han)
    response = leia.post(EDIT, hidden)
    assert "2 live credentials stop" in words_of(response)
    assert leia.post(EDIT, hidden | {"max_lifetime_days": "1"}).status_code == 200
    assert leia.post(f"{PAGE}/production", hidden).status_code == 302, "Nothing stops there."
    assert not Policy.objects.filter(environment="sandbox").exists()


def test_what_stops_already_is_not_shown_again(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    rule(rebels.organization, all_apps_allowed=False)
    typed = values(all_apps_allowed="", max_lifetime_days="30")
    assert leia.post(EDIT, typed).status_code == 302


def test_loosening_asks_nothing(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    rule(rebels.organization, all_apps_allowed=False, allowed_networks=["192.0.2.0/24"])
    assert leia.post(EDIT, values()).status_code == 302


def test_fewer_networks_ask_too(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke, label="Nightly")
    cast.credential(rebels.luke, label="Broad")
    page = leia.post(EDIT, values(allowed_networks="192.0.2.0/24"))
    words = words_of(page)
    assert "2 live credentials work from the networks that remain" in words
    assert "JWT-107" not in words
    assert leia.post(EDIT, fields_of(page, EDIT)).status_code == 302
    assert leia.post(EDIT, values(allowed_networks="192.0.0.0/16")).status_code == 302


def test_who_may_create_stops_nothing(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    assert leia.post(EDIT, values(creator_role="developer_admin")).status_code == 302


def test_many_are_counted_and_the_busiest_shown(rebels: Rebels, app: App) -> None:
    for number in range(SHOWN_AT_MOST + 2):
        busiest = cast.credential(rebels.luke, label=f"Key {number:02}")
    ExchangeUsage.objects.count_exchange(busiest.pk, app.client.pk, times=7)
    before = Policy.objects.governing(rebels.organization.pk, SANDBOX)
    after = Policy(organization=rebels.organization, environment=SANDBOX, expiry_required=True)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = tightening(before, after, at=timezone.now())
    assert len(queries) <= 6
    assert (found.stopped.count, found.stopped.more) == (SHOWN_AT_MOST + 2, 2)
    assert found.stopped.shown[0][0] == busiest
    assert found.limited.count == 0


def test_the_action_asks_for_confirmation_itself(rebels: Rebels) -> None:
    cast.credential(rebels.luke)
    with pytest.raises(ConfirmationNeededError) as needed:
        save(rebels, expiry_required=True)
    proof = needed.value.consequences.proof
    assert save(rebels, expiry_required=True, confirmed=proof).expiry_required


# --- Creation --------------------------------------------------------------------------------


def create(browser: Browser, **changed: Any) -> Any:
    return browser.post(url("create"), submission(**changed))


def today(offset: int = 0) -> str:
    return (timezone.now() + timedelta(days=offset)).date().isoformat()


@pytest.mark.parametrize(
    ("rules", "typed", "field", "says"),
    [
        (
            {"max_lifetime_days": 30},
            {"expires_on": today(31)},
            "expires_on",
            "policy allows a lifetime of at most 30 days. Choose ",
        ),
        ({"expiry_required": True}, {}, "expires_on", "policy requires an expiration date"),
        ({"max_lifetime_days": 30}, {}, "expires_on", "at most 30 days"),
        (
            {"all_apps_allowed": False},
            {},
            "app_access",
            "policy does not allow credentials for all apps",
        ),
        (
            {"creator_role": "developer_admin"},
            {},
            "environment",
            "policy lets only Developer Admins create sandbox credentials",
        ),
    ],
)
def test_creation_is_refused_beside_the_field(
    rebels: Rebels,
    sign_in: SignIn,
    rules: dict[str, Any],
    typed: dict[str, str],
    field: str,
    says: str,
) -> None:
    rule(rebels.organization, **rules)
    browser = sign_in(rebels.luke)
    response = create(browser, label="Kept words", **typed)
    assert says in errors_of(response)[field]
    assert len(errors_of(response)) == 1
    assert 'value="Kept words"' in text_of(response)
    assert not JwtCredential.objects.exists()
    assert create(browser, environment="production").status_code == 302, "Another policy."


def test_creation_within_the_policy(rebels: Rebels, sign_in: SignIn, app: App) -> None:
    rule(rebels.organization, max_lifetime_days=30, expiry_required=True, all_apps_allowed=False)
    response = create(
        sign_in(rebels.luke),
        app_access="specific",
        client_ids=[app.client_id],
        expires_on=today(29),
        allowed_networks="192.0.2.0/24\n2001:db8::/32",
    )
    assert response.status_code == 302
    credential = JwtCredential.objects.get()
    assert credential.policy_refusal is None
    assert credential.allowed_networks == ["192.0.2.0/24", "2001:db8::/32"]
    details = the_event(AuditKind.JWT_CREDENTIAL_CREATED).details
    assert details["allowed_networks"] == ["192.0.2.0/24", "2001:db8::/32"]


def test_a_developer_admin_creates_what_a_developer_may_not(
    rebels: Rebels, sign_in: SignIn
) -> None:
    rule(rebels.organization, creator_role="developer_admin")
    response = sign_in(rebels.han).post(url("create", through=rebels.luke), submission())
    assert response.status_code == 302
    assert JwtCredential.objects.get().owner == rebels.luke


def test_the_policy_of_another_organization_does_not_matter(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    rule(partners.organization, expiry_required=True, all_apps_allowed=False)
    assert create(sign_in(rebels.luke)).status_code == 302


@pytest.mark.parametrize(
    ("at", "latest"),
    [
        (NOON, "2026-03-01"),
        (NOON.replace(hour=23, minute=59, second=59), "2026-03-02"),
        (NOON.replace(hour=0), "2026-03-01"),
    ],
)
def test_the_latest_day_ends_within_the_lifetime(at: datetime, latest: str) -> None:
    policy = Policy(max_lifetime_days=1)
    day = policy.latest_day(at)
    assert day is not None
    assert day.isoformat() == latest
    for offset, refused in ((0, False), (1, True)):
        end = datetime.combine(day, at.time(), UTC).replace(hour=23, minute=59, second=59)
        refusal = policy.lifetime_refusal(at, end + timedelta(days=offset), never=False)
        assert (refusal is not None) is refused


def both(rebels: Rebels, **rules: Any) -> None:
    for environment in Environment:
        rule(rebels.organization, environment, **rules)


def test_the_form_shows_the_policy_first(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert "policy" not in words_of(browser.get(url("create")))
    rule(rebels.organization, max_lifetime_days=30, all_apps_allowed=False)
    rule(rebels.organization, PRODUCTION, creator_role="developer_admin")
    page = browser.get(url("create"))
    words = words_of(page)
    assert (
        "Your organization's policy for sandbox A credential lives at most 30 days. "
        "A credential is for specific apps, not for all apps." in words
    )
    assert "Your organization's policy for production" not in words
    assert re.search(r'value="production"[^>]* disabled', text_of(page))
    assert "policy lets only Developer Admins create production credentials." in words
    assert re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "Choose specific apps." in words
    latest = Policy(max_lifetime_days=30).latest_day(timezone.now())
    assert f"required by your organization's policy, {latest} at the latest." in words
    assert re.search(rf'<input type="date" name="expires_on"[^>]* max="{latest}"', text_of(page))
    assert "Expiration Date (UTC)* (required)" in words.replace(" *", "*")


def test_what_is_forbidden_in_one_environment_stays_possible_in_the_other(
    rebels: Rebels, sign_in: SignIn
) -> None:
    rule(rebels.organization, PRODUCTION, all_apps_allowed=False, expiry_required=True)
    page = sign_in(rebels.luke).get(url("create"))
    assert not re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "Your organization's policy forbids it in production." in words_of(page)
    assert "Production: required by your organization's policy." in words_of(page)
    assert 'data-shown-when="environment=production"' in text_of(page)


def test_who_may_create_nowhere_sees_why(rebels: Rebels, sign_in: SignIn) -> None:
    both(rebels, creator_role="developer_admin")
    page = sign_in(rebels.luke).get(url("create"))
    assert len(re.findall(r'name="environment"[^>]* disabled', text_of(page))) == 2
    page = sign_in(rebels.han).get(url("create"))
    assert not re.search(r'name="environment"[^>]* disabled', text_of(page))


# --- Editing ---------------------------------------------------------------------------------


def test_editing_can_not_keep_all_apps(rebels: Rebels, sign_in: SignIn, app: App) -> None:
    credential = cast.credential(rebels.luke)
    rule(rebels.organization, all_apps_allowed=False)
    browser = sign_in(rebels.luke)
    page = browser.get(url("detail", credential))
    assert re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "It does not work at the moment" in words_of(page)
    assert "Exchanges fail with JWT-107" in words_of(page)
    data = {"label": "New", "app_access": "organization"}
    response = browser.post(url("detail", credential), data)
    assert "does not allow credentials for all apps" in errors_of(response)["app_access"]
    data |= {"app_access": "specific", "client_ids": app.client_id}
    assert browser.post(url("detail", credential), data).status_code == 302
    assert api.exchange(app, credential.encode()).status_code == 200


def test_editing_the_networks(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    browser = sign_in(rebels.luke)
    data = {"label": credential.label, "app_access": "organization"}
    response = browser.post(url("detail", credential), data | {"allowed_networks": "office"})
    assert "no address and no network" in errors_of(response)["allowed_networks"]
    browser.post(url("detail", credential), data | {"allowed_networks": "192.0.2.7 ::1"})
    credential.refresh_from_db()
    assert credential.allowed_networks == ["192.0.2.7/32", "::1/128"]
    assert the_event(AuditKind.JWT_CREDENTIAL_UPDATED).details == {
        "changes": {"allowed_networks": [[], ["192.0.2.7/32", "::1/128"]]}
    }
    page = browser.get(url("detail", credential))
    assert "192.0.2.7/32\n::1/128</textarea>" in text_of(page)
    assert "The credential allows 192.0.2.7/32, ::1/128" in words_of(page)


def test_who_says_nothing_about_networks_leaves_them(rebels: Rebels) -> None:
    credential = cast.credential(rebels.luke)
    JwtCredential.objects.update(allowed_networks=["::1/128"])
    credential.refresh_from_db()
    update_jwt_credential(
        credential,
        label="New",
        app_access=AppAccess.ORGANIZATION,
        client_ids=[],
        actor=rebels.luke.user,
        origin=cast.ORIGIN,
    )
    credential.refresh_from_db()
    assert credential.allowed_networks == ["::1/128"]


# --- Exchange, refresh, and the next call ----------------------------------------------------

FORBIDDING: list[tuple[dict[str, Any], str]] = [
    ({"max_lifetime_days": 30}, "The organization's policy allows a lifetime of at most 30 days."),
    ({"max_lifetime_days": 1}, "The organization's policy allows a lifetime of at most 1 day."),
    ({"expiry_required": True}, "The organization's policy requires an expiration date."),
    (
        {"all_apps_allowed": False},
        "The organization's policy does not allow credentials for all apps, only for specific "
        "ones.",
    ),
    (
        {"allowed_networks": ["192.0.2.0/24", "::1/128"]},
        "The organization's policy does not allow calls from the address 127.0.0.1.",
    ),
]


@pytest.mark.parametrize(("rules", "message"), FORBIDDING)
def test_a_policy_stops_what_was_created_before(
    rebels: Rebels, app: App, rules: dict[str, Any], message: str
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    assert api.call("GET", "/account/~", token).status_code == 200
    rule(rebels.organization, PRODUCTION, **rules)
    assert api.exchange(app, credential.encode()).status_code == 200
    policy = rule(rebels.organization, **rules)
    response = api.exchange(app, credential.encode())
    assert (response.status_code, response.json()) == (
        400,
        api.oauth_error("invalid_grant", "JWT-107", message),
    )
    call = api.call("GET", "/account/~", token)
    assert (call.status_code, call.json()["errorCode"]) == (401, "OAU-213")
    policy.delete()
    assert api.exchange(app, credential.encode()).status_code == 200
    assert api.call("GET", "/account/~", token).status_code == 200


def test_a_lifetime_is_what_the_claims_say(rebels: Rebels, app: App) -> None:
    at = timezone.now() - timedelta(days=5)
    credential = cast.credential(rebels.luke, expires_on=at.date() + timedelta(days=9), at=at)
    rule(rebels.organization, max_lifetime_days=10)
    assert api.exchange(app, credential.encode()).status_code == 200
    rule(rebels.organization, max_lifetime_days=9)
    assert api.exchange(app, credential.encode()).json()["errors"][0]["errorCode"] == "JWT-107"


def test_who_may_create_is_not_asked_at_the_exchange(rebels: Rebels, app: App) -> None:
    credential = cast.credential(rebels.luke)
    rule(rebels.organization, creator_role="developer_admin")
    assert api.exchange(app, credential.encode()).status_code == 200


def test_policies_are_asked_last(rebels: Rebels, app: App) -> None:
    credential = cast.credential(rebels.luke)
    rule(rebels.organization, all_apps_allowed=False, allowed_networks=["::1/128"])
    foreign = api.app(rebels.luke, name="Other")

    def code(of: App = app) -> str:
        return str(api.exchange(of, credential.encode()).json()["errors"][0]["errorCode"])

    assert code() == "JWT-107"
    rebels.luke.role = ConsoleRole.AUDITOR
    rebels.luke.save()
    assert code() == "JWT-106"
    JwtCredential.objects.update(app_access=AppAccess.SPECIFIC)
    assert code(foreign) == "JWT-105"


def test_a_refresh_meets_the_policy_too(rebels: Rebels) -> None:
    app = api.app(rebels.luke, name="Falcon", issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke)
    token = api.exchange(app, credential.encode()).json()["refresh_token"]
    refresh = {"grant_type": "refresh_token", "refresh_token": token}
    for rules in ({"all_apps_allowed": False}, {"allowed_networks": ["::1/128"]}):
        policy = rule(rebels.organization, **rules)
        response = api.post(refresh, app.authorization)
        assert response.json()["errors"][0]["errorCode"] == "JWT-107"
        policy.delete()
    assert api.post(refresh, app.authorization).status_code == 200


def restrict(credential: JwtCredential, *networks: str) -> None:
    JwtCredential.objects.filter(pk=credential.pk).update(allowed_networks=list(networks))


def from_address(app: App, credential: JwtCredential, **extra: Any) -> Any:
    data = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
    return api.post(data, app.authorization, **extra)


@pytest.mark.parametrize(
    ("policy", "own", "message"),
    [
        ([], ["192.0.2.0/24"], "This credential does not allow calls from the address"),
        (["192.0.2.0/24"], [], "The organization's policy does not allow calls from the address"),
        (["203.0.113.0/24"], ["192.0.2.0/24"], "This credential does not allow calls"),
        (["192.0.2.0/24"], ["203.0.113.0/24"], "The organization's policy does not allow calls"),
        (["203.0.113.0/24"], ["203.0.113.9/32"], None),
        ([], ["::/0", "203.0.113.9/32"], None),
    ],
)
def test_both_lists_must_allow_the_address(
    rebels: Rebels, app: App, policy: list[str], own: list[str], message: str | None
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    rule(rebels.organization, allowed_networks=policy)
    restrict(credential, *own)
    response = from_address(app, credential, **ELSEWHERE)
    call = api.call("GET", "/account/~", token, **ELSEWHERE)
    if message is None:
        assert (response.status_code, call.status_code) == (200, 200)
        return
    assert response.json()["errors"][0]["errorCode"] == "JWT-107"
    assert message in response.json()["error_description"]
    assert (call.status_code, call.json()["errorCode"]) == (401, "OAU-213")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.200", True),
        ("::ffff:192.0.2.200", True),
        ("::ffff:203.0.113.9", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("", False),
    ],
)
def test_addresses_of_both_families(rebels: Rebels, app: App, address: str, allowed: bool) -> None:
    credential = cast.credential(rebels.luke)
    restrict(credential, "192.0.2.0/24", "2001:db8::/32")
    response = from_address(app, credential, REMOTE_ADDR=address)
    assert (response.status_code == 200) is allowed


@pytest.mark.parametrize(
    ("proxies", "forwarded", "allowed"),
    [
        (0, "192.0.2.7", False),
        (1, "192.0.2.7", True),
        (1, "192.0.2.7, 203.0.113.9", False),
        (2, "192.0.2.7, 203.0.113.9", True),
        (2, "192.0.2.7", False),
        (1, "", False),
        (1, "nonsense", False),
    ],
)
def test_the_address_is_what_trusted_proxies_say(
    rebels: Rebels, app: App, settings: Any, proxies: int, forwarded: str, allowed: bool
) -> None:
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    restrict(credential, "192.0.2.0/24")
    settings.TRUSTED_PROXY_COUNT = proxies
    header: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded}
    assert (from_address(app, credential, **header).status_code == 200) is allowed
    call = api.call("GET", "/account/~", token, **header)
    assert call.status_code == (200 if allowed else 401)


def test_a_resource_server_that_asks_is_not_the_app(rebels: Rebels, app: App) -> None:
    """Introspection knows the token, not from where the app calls."""
    credential = cast.credential(rebels.luke)
    token = api.access_token(app, credential)
    restrict(credential, "192.0.2.0/24")
    path = "/sandbox/restapi/oauth/introspect"

    def introspected() -> Any:
        response = api.program().post(
            path,
            urlencode({"token": token}),
            content_type=api.FORM,
            headers={"Authorization": app.authorization},
        )
        return response.json()

    assert introspected()["active"]
    rule(rebels.organization, all_apps_allowed=False)
    assert introspected() == {"active": False}


def queries_of(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert call().status_code == 200
    return len(queries)


def test_policies_cost_no_query(rebels: Rebels, app: App) -> None:
    """They come with the credential's row, in the exchange and in every call."""
    credential = cast.credential(rebels.luke)
    jwt = credential.encode()
    token = api.access_token(app, credential)

    def exchange() -> Any:
        return api.exchange(app, jwt)

    def call() -> Any:
        return api.call("GET", "/account/~", token)

    without = queries_of(exchange), queries_of(call)
    rule(rebels.organization, max_lifetime_days=None, allowed_networks=["127.0.0.0/8"])
    assert (queries_of(exchange), queries_of(call)) == without
    with CaptureQueriesContext(connection) as queries:
        exchange()
    reading = [query["sql"] for query in queries if "credentials_policy" in query["sql"]]
    assert len(reading) == 1
    assert "credentials_jwtcredential" in reading[0]


def test_a_row_read_without_policy_asks_for_it(rebels: Rebels) -> None:
    credential = cast.credential(rebels.luke)
    rule(rebels.organization, max_lifetime_days=7, allowed_networks=["::1/128"])
    for found in (
        JwtCredential.objects.get(pk=credential.pk),
        JwtCredential.objects.with_policy().get(pk=credential.pk),
    ):
        assert (found.policy.max_lifetime_days, found.policy.all_apps_allowed) == (7, True)
        assert found.policy.allowed_networks == ["::1/128"]


# --- Test it now -----------------------------------------------------------------------------


def test_the_dry_run_shows_the_policy(rebels: Rebels, app: App, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    rule(rebels.organization, expiry_required=True)
    response = sign_in(rebels.luke).post(url("test", credential), {"client_id": app.client_id})
    assert (
        "Failed: The organization's policy allows it "
        "The organization's policy requires an expiration date. JWT-107" in words_of(response)
    )


@pytest.mark.parametrize("real", [False, True])
def test_the_console_does_not_know_from_where_an_app_calls(
    rebels: Rebels, app: App, sign_in: SignIn, real: bool
) -> None:
    credential = cast.credential(rebels.luke)
    restrict(credential, "192.0.2.0/24")
    rule(rebels.organization, allowed_networks=["2001:db8::/32"])
    data = {"client_id": app.client_id} | ({"client_secret": app.secret} if real else {})
    words = words_of(sign_in(rebels.luke).post(url("test", credential), data))
    assert (
        "Not checked: The app calls from an allowed network Networks are limited, and from here "
        "nobody knows the address that the app calls from: the organization's policy allows "
        "2001:db8::/32; the credential allows 192.0.2.0/24." in words
    )
    assert "Failed:" not in words
    assert ("The Auth API granted an access token" in words) is real


# --- Second factor ---------------------------------------------------------------------------


def test_requiring_a_second_factor(rebels: Rebels, leia: Browser) -> None:
    response = leia.post(FACTOR, {"roles": ["developer", "auditor"]})
    assert (response.status_code, response["Location"]) == (302, PAGE)
    rebels.organization.refresh_from_db()
    assert rebels.organization.mfa_required_roles == ["auditor", "developer"]
    event = the_event(AuditKind.POLICY_UPDATED)
    assert (event.target_type, event.actor) == ("organization", rebels.leia.user)
    assert event.details == {
        "changes": {"second_factor_needed_by": [[], ["Auditors", "Developers"]]}
    }
    words = words_of(leia.get(PAGE))
    assert "Second factor needed by: none → Auditors, Developers" in words
    assert "Developers Required · 2 of 2 have none yet." in words
    assert leia.post(FACTOR, {"roles": ["developer", "auditor"]}).status_code == 302
    assert AuditEvent.objects.filter(kind=AuditKind.POLICY_UPDATED).count() == 1


@pytest.mark.parametrize("roles", [["developer_admin"], ["account_admin", "auditor"]])
def test_nobody_locks_themselves_out(rebels: Rebels, leia: Browser, roles: list[str]) -> None:
    assert "You have no second factor yet" in words_of(leia.get(FACTOR))
    response = leia.post(FACTOR, {"roles": roles})
    assert "You would lock yourself out" in errors_of(response)["roles"]
    rebels.organization.refresh_from_db()
    assert rebels.organization.mfa_required_roles == []
    give_factor(rebels.leia)
    assert "You have no second factor yet" not in words_of(leia.get(FACTOR))
    assert leia.post(FACTOR, {"roles": roles}).status_code == 302
    assert leia.get(PAGE).status_code == 200


@pytest.mark.parametrize("role", ["no_access", "owner"])
def test_roles_that_nobody_can_be_asked_for(rebels: Rebels, leia: Browser, role: str) -> None:
    assert "roles" in errors_of(leia.post(FACTOR, {"roles": [role]}))
    with pytest.raises(ValidationError, match="Choose from the roles"):
        require_second_factor(
            rebels.organization, roles=[role], actor=rebels.leia.user, origin=cast.ORIGIN
        )


def demand(rebels: Rebels, *roles: str) -> None:
    Organization.objects.filter(pk=rebels.organization.pk).update(mfa_required_roles=list(roles))


def test_without_second_factor_nothing_else_answers(
    rebels: Rebels, partners: Partners, sign_in: SignIn, app: App
) -> None:
    credential = cast.credential(rebels.luke)
    demand(rebels, "developer")
    browser = sign_in(rebels.luke)
    setup = reverse("mfa_index")
    for address in (
        "/console",
        "/console/",
        url("list"),
        url("detail", credential),
        reverse("accounts:my_profile"),
        reverse("credentials:applications"),
        PAGE,
    ):
        response = browser.get(address)
        assert (response.status_code, response["Location"]) == (302, setup), address
    assert create(browser)["Location"] == setup
    assert JwtCredential.objects.count() == 1
    fragment = browser.post(url("new_apps"), headers={"HX-Request": "true"})
    assert fragment["HX-Redirect"] == setup
    words = words_of(browser.get(setup))
    assert "Your organization requires a second factor of your role" in words
    assert "Your JWT credentials keep working in the meantime." in words
    assert api.exchange(app, credential.encode()).status_code == 200

    for other in (rebels.han, rebels.c3po, partners.lobot):
        assert sign_in(other).get("/console/").status_code == 200
    give_factor(rebels.luke)
    assert browser.get(url("list")).status_code == 200
    assert "Your organization requires" not in words_of(browser.get(setup))


def test_recovery_codes_are_no_second_factor_of_their_own(rebels: Rebels, sign_in: SignIn) -> None:
    demand(rebels, "auditor")
    RecoveryCodes.activate(rebels.c3po.user)
    assert sign_in(rebels.c3po).get("/console/").status_code == 302
    Authenticator.objects.create(
        user=rebels.c3po.user, type=Authenticator.Type.WEBAUTHN, data={"name": "key"}
    )
    assert sign_in(rebels.c3po).get("/console/").status_code == 200


def test_account_administrators_without_role_can_be_asked(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.wedge.is_account_admin = True
    rebels.wedge.save()
    assert sign_in(rebels.wedge).get("/console/").status_code == 200
    demand(rebels, second_factor.ACCOUNT_ADMIN)
    assert sign_in(rebels.wedge).get("/console/").status_code == 302
    assert sign_in(rebels.han).get("/console/").status_code == 200


def test_the_coverage_counts_active_people(rebels: Rebels) -> None:
    give_factor(rebels.luke)
    rebels.c3po.user.is_active = False
    rebels.c3po.user.save()
    found = second_factor.coverage(rebels.organization)
    assert found["developer"].words == "1 of 2 has none yet."
    assert found["developer_admin"].words == "2 of 2 have none yet."
    assert found["auditor"].words == "Nobody at the moment."
    assert (found["account_admin"].people, found["account_admin"].without) == (1, 1)
