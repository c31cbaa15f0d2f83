"""The credentials of an organization as one list: filters, bulk revoke, export."""

import re
from html import escape, unescape

import pytest
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import JwtCredential
from credentials.reports import credential_list
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import refused

pytestmark = pytest.mark.both_databases

LIST = reverse("organization:credentials")
REVOKE = reverse("organization:revoke_credentials")
EXPORT = reverse("organization:export_credentials")


def text(browser: Browser, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_has_all_credentials_of_the_organization_and_no_others(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    cast.credential(rebels.luke, label="Of Luke")
    cast.credential(rebels.leia, label="Of Leia")
    cast.credential(partners.lobot, label="Of Lobot")
    for viewer in (rebels.han, rebels.c3po):
        page = text(sign_in(viewer), LIST)
        assert "Of Luke" in page
        assert "Of Leia" in page
        assert "Of Lobot" not in page


def test_filters(rebels: Rebels, sign_in: SignIn) -> None:
    app = api.app(rebels.luke)
    cast.credential(rebels.luke, label="Broad")
    cast.credential(rebels.luke, label="Narrow", clients=[app.client])
    browser = sign_in(rebels.han)
    page = text(browser, f"{LIST}?app={app.client_id}")
    assert "Narrow" in page
    assert "No credentials found" not in text(browser, f"{LIST}?owner=luke")


def test_filtering_by_credentials_that_are_refused_often(
    rebels: Rebels, partners: Partners, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times in a week; what has ended counts too, and the export says what it was of."""
    for label, times, days_ago in (("Noisy", 10, 6.9), ("Quiet", 9, 1), ("Long ago", 50, 7.1)):
        refused(cast.credential(rebels.luke, label=label), times=times, days_ago=days_ago)
    ended = cast.credential(rebels.leia, label="Ended")
    refused(ended, times=10)
    revoke_jwt_credential(ended, reason="x", actor=rebels.leia.user, origin=cast.ORIGIN)
    refused(cast.credential(partners.lobot, label="Theirs"), times=99)
    auditor = sign_in(rebels.c3po)
    for few in (300, 0):
        monkeypatch.setattr(credential_list, "FEW", few)
        listed = auditor.get(f"{LIST}?refused_often=on").context["page"].rows
        assert {credential.label for credential in listed} == {"Noisy", "Ended"}
    auditor.post(f"{EXPORT}?refused_often=on").getvalue()
    event = AuditEvent.objects.get(kind=AuditKind.CREDENTIALS_EXPORTED)
    assert event.details["refused_often"] is True


@pytest.mark.parametrize("few", [0, 300])
def test_filtering_by_owner_works_for_many_owners(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(credential_list, "FEW", few)
    cast.credential(rebels.luke, label="Of Luke")
    cast.credential(rebels.leia, label="Of Leia")
    page = text(sign_in(rebels.han), f"{LIST}?owner=luke&environment=sandbox")
    assert "Of Luke" in page
    assert "Of Leia" not in page
    assert "No credentials found" in text(sign_in(rebels.han), f"{LIST}?owner=nobody")


def test_a_row_names_two_apps_and_counts_them(rebels: Rebels, sign_in: SignIn) -> None:
    names = ["Alpha", "Beta", "Gamma"]
    clients = [api.app(rebels.luke, name=name).client for name in reversed(names)]
    cast.credential(rebels.luke, clients=clients)
    page = " ".join(text(sign_in(rebels.han), LIST).split())
    assert 'Alpha, Beta <small class="muted">3 specific apps</small>' in page
    assert "Gamma" not in page


def test_an_auditor_can_neither_see_nor_use_bulk_revoke(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    auditor = sign_in(rebels.c3po)
    assert REVOKE not in text(auditor, LIST)
    refused = auditor.post(REVOKE, {"credential": str(credential.pk), "reason": "x"})
    assert refused.status_code == 403
    assert JwtCredential.objects.get().revoked_at is None


def test_bulk_revoke_shows_what_breaks_and_requires_a_reason(
    rebels: Rebels, sign_in: SignIn
) -> None:
    app = api.app(rebels.luke)
    used, unused = cast.credential(rebels.luke), cast.credential(rebels.leia, label="Unused")
    api.access_token(app, used)
    admin = sign_in(rebels.han)
    chosen = f"?credential={used.pk}&credential={unused.pk}"
    assert "Falcon Dialer" in text(admin, REVOKE + chosen)
    both = {"credential": [str(used.pk), str(unused.pk)]}
    assert "Enter the reason for revoking them." in admin.post(REVOKE, both).content.decode()
    assert admin.post(REVOKE, both | {"reason": "Audit finding"}).status_code == 302
    assert {c.revoked_reason for c in JwtCredential.objects.all()} == {"Audit finding"}
    events = AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_REVOKED)
    assert {event.actor for event in events} == {rebels.han.user}
    assert len(events) == 2


def test_bulk_revoke_returns_to_the_list_as_it_was(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    browser = sign_in(rebels.han)
    shown = f"{LIST}?owner=luke&status=active&sort=expires"
    page = text(browser, f"{LIST}?owner=luke&status=active&sort=expires&invented=1")
    [sent] = re.findall(r'name="list" value="([^"]*)"', page)
    listed = {"list": unescape(sent)}
    # With nothing selected, when the person decides against it, and after the revocation.
    assert browser.get(REVOKE, listed)["Location"] == shown
    asked = browser.get(REVOKE, {**listed, "credential": str(credential.pk)}).content.decode()
    assert f'href="{escape(shown)}"' in asked
    confirmed = {**listed, "credential": str(credential.pk), "reason": "The contract ended"}
    assert browser.post(REVOKE, confirmed)["Location"] == shown
    assert browser.get(REVOKE)["Location"] == LIST


def test_another_organizations_credential_is_not_revoked(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    theirs = cast.credential(partners.lobot)
    sign_in(rebels.leia).post(REVOKE, {"credential": str(theirs.pk), "reason": "x"})
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_the_export_has_no_formulas_and_is_recorded(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke, label="=HYPERLINK(1)")
    response = sign_in(rebels.c3po).post(EXPORT)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    exported = response.getvalue().decode()
    assert "'=HYPERLINK(1)" in exported
    assert credential.encode() not in exported
    event = AuditEvent.objects.get(kind=AuditKind.CREDENTIALS_EXPORTED)
    assert event.actor == rebels.c3po.user
