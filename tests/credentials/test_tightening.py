"""A stricter policy shows what it would stop and asks for confirmation."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credentials.actions.policies import ConfirmationNeededError
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import ExchangeUsage, Policy
from credentials.reports.tightening import CREDENTIALS_SHOWN, tightening
from tests import cast
from tests.api import App
from tests.conftest import Rebels
from tests.credentials.pages import (
    fields_of,
    words_of,
)
from tests.credentials.policies import (
    EDIT,
    PAGE,
    PRODUCTION,
    SANDBOX,
    policy_form,
    save_policy,
    set_policy,
)


def test_a_stricter_policy_lists_what_it_stops_and_asks_for_confirmation(
    rebels: Rebels, leia: Browser, app: App
) -> None:
    nightly = cast.credential(rebels.luke, label="Nightly <b>")
    idle = cast.credential(rebels.han, label="Idle")
    fine = cast.credential(rebels.luke, label="Fine", clients=[app.client])
    gone = cast.credential(rebels.luke, label="Gone")
    revoke_jwt_credential(gone, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    cast.credential(rebels.luke, label="Of production", environment=PRODUCTION)
    ExchangeUsage.objects.count_exchange(nightly.pk, app.client.pk, times=3)
    old = timezone.now() - timedelta(days=31)
    ExchangeUsage.objects.count_exchange(idle.pk, app.client.pk, at=old)

    typed = policy_form(all_apps_allowed="", max_lifetime_days="", allowed_networks="")
    page = leia.post(EDIT, typed)
    assert page.status_code == 200
    assert not Policy.objects.exists()
    words = words_of(page)
    assert (
        "2 live credentials will stop working. Their next exchange will fail with JWT-107." in words
    )
    assert re.search(
        r"Nightly <b> Luke Example Falcon Dialer \(3\) Idle Han Example No apps", words
    )
    for label in (fine.label, gone.label, "Of production"):
        assert label not in words

    hidden = fields_of(page, EDIT)
    assert set(hidden) == {*policy_form(), "expiry_required", "confirmed"}
    again = leia.post(EDIT, hidden | {"edit": "1"})
    assert "Save the sandbox policy?" not in words_of(again)
    assert not Policy.objects.exists()
    assert leia.post(EDIT, hidden | {"confirmed": "guessed"}).status_code == 200
    assert not Policy.objects.exists()
    assert leia.post(EDIT, hidden).status_code == 302
    assert not Policy.objects.get().all_apps_allowed


def test_the_confirmation_page_keeps_every_entry(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    typed = policy_form(
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


def test_a_confirmation_covers_only_the_consequences_it_showed(
    rebels: Rebels, leia: Browser
) -> None:
    cast.credential(rebels.luke)
    hidden = fields_of(leia.post(EDIT, policy_form(all_apps_allowed="")), EDIT)
    cast.credential(rebels.han)
    response = leia.post(EDIT, hidden)
    assert "2 live credentials will stop working" in words_of(response)
    assert leia.post(EDIT, hidden | {"max_lifetime_days": "1"}).status_code == 200
    assert leia.post(f"{PAGE}/production", hidden).status_code == 302, "Nothing stops there."
    assert not Policy.objects.filter(environment="sandbox").exists()


def test_credentials_that_a_policy_already_stops_need_no_confirmation(
    rebels: Rebels, leia: Browser
) -> None:
    cast.credential(rebels.luke)
    set_policy(rebels.organization, all_apps_allowed=False)
    typed = policy_form(all_apps_allowed="", max_lifetime_days="30")
    assert leia.post(EDIT, typed).status_code == 302


def test_a_looser_policy_needs_no_confirmation(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke)
    set_policy(rebels.organization, all_apps_allowed=False, allowed_networks=["192.0.2.0/24"])
    assert leia.post(EDIT, policy_form()).status_code == 302


def test_narrower_networks_need_confirmation(rebels: Rebels, leia: Browser) -> None:
    cast.credential(rebels.luke, label="Nightly")
    cast.credential(rebels.luke, label="Broad")
    page = leia.post(EDIT, policy_form(allowed_networks="192.0.2.0/24"))
    words = words_of(page)
    assert "2 live credentials will work only from the networks that remain" in words
    assert "JWT-107" not in words
    assert leia.post(EDIT, fields_of(page, EDIT)).status_code == 302
    assert leia.post(EDIT, policy_form(allowed_networks="192.0.0.0/16")).status_code == 302


def test_limiting_who_creates_credentials_needs_no_confirmation(
    rebels: Rebels, leia: Browser
) -> None:
    cast.credential(rebels.luke)
    assert leia.post(EDIT, policy_form(creator_role="developer_admin")).status_code == 302


def test_the_confirmation_counts_all_credentials_and_shows_the_most_used(
    rebels: Rebels, app: App
) -> None:
    for number in range(CREDENTIALS_SHOWN + 2):
        busiest = cast.credential(rebels.luke, label=f"Key {number:02}")
    ExchangeUsage.objects.count_exchange(busiest.pk, app.client.pk, times=7)
    before = Policy.objects.governing(rebels.organization.pk, SANDBOX)
    after = Policy(organization=rebels.organization, environment=SANDBOX, expiry_required=True)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = tightening(before, after, at=timezone.now())
    assert len(queries) <= 6
    assert (found.stopped.count, found.stopped.more) == (CREDENTIALS_SHOWN + 2, 2)
    assert found.stopped.shown[0][0] == busiest
    assert found.limited.count == 0


def test_the_policy_action_needs_proof_of_confirmation(rebels: Rebels) -> None:
    cast.credential(rebels.luke)
    with pytest.raises(ConfirmationNeededError) as needed:
        save_policy(rebels, expiry_required=True)
    proof = needed.value.consequences.proof
    assert save_policy(rebels, expiry_required=True, confirmed=proof).expiry_required
