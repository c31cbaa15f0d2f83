"""Console roles that need a second factor."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse

from accounts import second_factor
from accounts.actions.organizations import require_second_factor
from accounts.models import AuditEvent, AuditKind, Membership, Organization
from credentials.models import JwtCredential
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    errors_of,
    submission,
    the_event,
    url,
    words_of,
)
from tests.credentials.policies import PAGE

FACTOR = f"{PAGE}/second-factor"


def give_factor(membership: Membership) -> None:
    TOTP.activate(membership.user, "JBSWY3DPEHPK3PXP")


def test_an_administrator_requires_a_second_factor(rebels: Rebels, leia: Browser) -> None:
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
    assert "Developers Required · 2 of 2 don’t have one yet." in words
    assert leia.post(FACTOR, {"roles": ["developer", "auditor"]}).status_code == 302
    assert AuditEvent.objects.filter(kind=AuditKind.POLICY_UPDATED).count() == 1


@pytest.mark.parametrize("roles", [["developer_admin"], ["account_admin", "auditor"]])
def test_administrators_cannot_lock_themselves_out(
    rebels: Rebels, leia: Browser, roles: list[str]
) -> None:
    assert "You don’t have a second factor yet" in words_of(leia.get(FACTOR))
    response = leia.post(FACTOR, {"roles": roles})
    assert "this would lock you out" in errors_of(response)["roles"]
    rebels.organization.refresh_from_db()
    assert rebels.organization.mfa_required_roles == []
    give_factor(rebels.leia)
    assert "You don’t have a second factor yet" not in words_of(leia.get(FACTOR))
    assert leia.post(FACTOR, {"roles": roles}).status_code == 302
    assert leia.get(PAGE).status_code == 200


@pytest.mark.parametrize("role", ["no_access", "owner"])
def test_unknown_roles_for_a_second_factor_are_refused(
    rebels: Rebels, leia: Browser, role: str
) -> None:
    assert "roles" in errors_of(leia.post(FACTOR, {"roles": [role]}))
    with pytest.raises(ValidationError, match="Choose roles from the list"):
        require_second_factor(
            rebels.organization, roles=[role], actor=rebels.leia.user, origin=cast.ORIGIN
        )


def demand(rebels: Rebels, *roles: str) -> None:
    Organization.objects.filter(pk=rebels.organization.pk).update(mfa_required_roles=list(roles))


def test_people_without_a_required_second_factor_see_only_its_setup(
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
    assert browser.post(url("create"), submission())["Location"] == setup
    assert JwtCredential.objects.count() == 1
    fragment = browser.post(url("new_apps"), headers={"HX-Request": "true"})
    assert fragment["HX-Redirect"] == setup
    words = words_of(browser.get(setup))
    assert "Your organization requires a second factor for your role" in words
    assert "Your JWT credentials keep working in the meantime." in words
    assert api.exchange(app, credential.encode()).status_code == 200

    for other in (rebels.han, rebels.c3po, partners.lobot):
        assert sign_in(other).get("/console/").status_code == 200
    give_factor(rebels.luke)
    assert browser.get(url("list")).status_code == 200
    assert "Your organization requires" not in words_of(browser.get(setup))


def test_recovery_codes_alone_are_not_a_second_factor(rebels: Rebels, sign_in: SignIn) -> None:
    demand(rebels, "auditor")
    RecoveryCodes.activate(rebels.c3po.user)
    assert sign_in(rebels.c3po).get("/console/").status_code == 302
    Authenticator.objects.create(
        user=rebels.c3po.user, type=Authenticator.Type.WEBAUTHN, data={"name": "key"}
    )
    assert sign_in(rebels.c3po).get("/console/").status_code == 200


def test_a_second_factor_can_be_required_of_account_administrators_without_a_role(
    rebels: Rebels, sign_in: SignIn
) -> None:
    rebels.wedge.is_account_admin = True
    rebels.wedge.save()
    assert sign_in(rebels.wedge).get("/console/").status_code == 200
    demand(rebels, second_factor.ACCOUNT_ADMIN)
    assert sign_in(rebels.wedge).get("/console/").status_code == 302
    assert sign_in(rebels.han).get("/console/").status_code == 200


def test_second_factor_coverage_counts_active_people(rebels: Rebels) -> None:
    give_factor(rebels.luke)
    rebels.c3po.user.is_active = False
    rebels.c3po.user.save()
    found = second_factor.coverage(rebels.organization)
    assert found["developer"].words == "1 of 2 doesn’t have one yet."
    assert found["developer_admin"].words == "2 of 2 don’t have one yet."
    assert found["auditor"].words == "No one has this role."
    assert (found["account_admin"].people, found["account_admin"].without) == (1, 1)
