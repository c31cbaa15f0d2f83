"""Organization → Policies: who can view and change policies, and what the pages show."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client as Browser
from django.urls import reverse

from accounts.actions.organizations import require_second_factor
from accounts.models import AuditEvent, AuditKind
from credentials.models import Policy
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    errors_of,
    text_of,
    the_event,
    words_of,
)
from tests.credentials.policies import EDIT, PAGE, PRODUCTION, policy_form, save_policy, set_policy

FACTOR = f"{PAGE}/second-factor"


@pytest.mark.parametrize("person", ["leia", "han", "c3po"])
def test_the_policies_page_shows_both_environments(
    rebels: Rebels, sign_in: SignIn, person: str
) -> None:
    set_policy(rebels.organization, max_lifetime_days=90, all_apps_allowed=False)
    set_policy(
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
        "Credentials for all apps Not allowed Allowed",
        "Who can create credentials Developers and Developer Admins Developer Admins only",
        "Allowed networks Any 192.0.2.0/24, 2001:db8::/32",
        "Developers Optional · 2 of 2 don’t have one yet.",
    ):
        assert row in words
    assert (EDIT in text_of(page)) == (person == "leia")
    assert (FACTOR in text_of(page)) == (person == "leia")


@pytest.mark.parametrize("address", [PAGE, EDIT, FACTOR])
def test_policy_pages_redirect_to_sign_in(rebels: Rebels, address: str) -> None:
    for response in (Browser().get(address), Browser().post(address)):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("person", "status"), [("luke", 403), ("lando", 403), ("wedge", 403), ("han", 200)]
)
def test_console_roles_that_can_view_policies(
    rebels: Rebels, sign_in: SignIn, person: str, status: int
) -> None:
    assert sign_in(getattr(rebels, person)).get(PAGE).status_code == status


@pytest.mark.parametrize("person", ["luke", "lando", "wedge", "han", "c3po"])
@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_console_roles_that_cannot_change_policies(
    rebels: Rebels, sign_in: SignIn, person: str, address: str
) -> None:
    browser = cast.step_up(sign_in(getattr(rebels, person)))
    assert browser.get(address).status_code == 403
    assert browser.post(address, policy_form(roles=["auditor"])).status_code == 403
    assert not Policy.objects.exists()


def test_policy_actions_refuse_people_who_cannot_manage_policies(
    rebels: Rebels, partners: Partners
) -> None:
    for actor in (rebels.han.user, rebels.luke.user, partners.lobot.user):
        with pytest.raises(PermissionDenied):
            save_policy(rebels, actor=actor)
        with pytest.raises(PermissionDenied):
            require_second_factor(rebels.organization, roles=[], actor=actor, origin=cast.ORIGIN)


def test_an_administrator_changes_only_the_policies_of_their_organization(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    set_policy(rebels.organization, max_lifetime_days=77)
    browser = cast.step_up(sign_in(partners.lobot))
    assert "77" not in words_of(browser.get(PAGE))
    assert 'value="77"' not in text_of(browser.get(EDIT))
    assert browser.post(EDIT, policy_form(max_lifetime_days="5")).status_code == 302
    assert Policy.objects.get(organization=rebels.organization).max_lifetime_days == 77
    assert Policy.objects.get(organization=partners.organization).max_lifetime_days == 5


@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_changing_a_policy_needs_step_up(rebels: Rebels, sign_in: SignIn, address: str) -> None:
    browser = cast.as_later(sign_in(rebels.leia))
    for response in (browser.get(address), browser.post(address, policy_form(roles=["auditor"]))):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert not Policy.objects.exists()
    assert browser.get(PAGE).status_code == 200
    assert browser.post(PAGE).status_code == 405


@pytest.mark.parametrize("address", [EDIT, FACTOR])
def test_policy_forms_need_a_csrf_token(rebels: Rebels, address: str) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(rebels.leia.user)
    assert browser.post(address, policy_form()).status_code == 403


def test_a_policy_of_an_unknown_environment_gets_404(leia: Browser) -> None:
    assert leia.get(f"{PAGE}/staging").status_code == 404


def test_saving_a_policy(rebels: Rebels, leia: Browser) -> None:
    response = leia.post(
        EDIT,
        policy_form(
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
    assert "We saved the sandbox policy." in words
    assert "leia@rebels.example changed the policy" in words
    assert "Max lifetime days: none → 90" in words
    assert "Expiry required: no → yes" in words
    page = text_of(leia.get(EDIT))
    assert 'value="90"' in page
    assert "192.0.2.7/32\n2001:db8::/32" in page


def test_saving_an_unchanged_policy_records_nothing(leia: Browser) -> None:
    assert leia.post(EDIT, policy_form()).status_code == 302
    assert not Policy.objects.exists()
    assert not AuditEvent.objects.filter(kind=AuditKind.POLICY_UPDATED).exists()


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"max_lifetime_days": "0"}, "max_lifetime_days", "greater than or equal to 1"),
        ({"max_lifetime_days": "99999"}, "max_lifetime_days", "less than or equal to 3650"),
        ({"max_lifetime_days": "soon"}, "max_lifetime_days", "whole number"),
        ({"creator_role": "auditor"}, "creator_role", "not one of the available choices"),
        ({"allowed_networks": "office"}, "allowed_networks", "isn’t an address or a network"),
        ({"allowed_networks": "10.0.0.1/8"}, "allowed_networks", "enter 10.0.0.0/8"),
    ],
)
def test_policy_mistakes_appear_beside_their_field(
    leia: Browser, wrong: dict[str, str], field: str, says: str
) -> None:
    response = leia.post(EDIT, policy_form(**{"max_lifetime_days": "30"} | wrong))
    assert response.status_code == 200
    assert says in errors_of(response)[field]
    assert not Policy.objects.exists()


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_the_policy_action_refuses_a_lifetime_out_of_range(rebels: Rebels, days: int) -> None:
    with pytest.raises(ValidationError, match="Choose a number from 1 to 3650"):
        save_policy(rebels, max_lifetime_days=days)
