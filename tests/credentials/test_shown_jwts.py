"""Showing the JWT of a credential again."""

from urllib.parse import quote

import pytest
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind, Membership
from credentials.models import JwtCredential
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.credential_states import expired, revoke
from tests.credentials.pages import (
    JWT,
    assert_audited,
    text_of,
    the_event,
    url,
    words_of,
)


def test_showing_requires_step_up(
    credential: JwtCredential, rebels: Rebels, sign_in: SignIn
) -> None:
    browser, address = cast.as_later(sign_in(rebels.luke)), url("show", credential)
    for response in (browser.get(address), browser.post(address)):
        assert response.status_code == 302
        assert (
            response["Location"]
            == f"{reverse('account_reauthenticate')}?next={quote(address, safe='')}"
        )
    cast.step_up(browser)
    assert browser.get(address).status_code == 200
    # What one browser has proved says nothing about another.
    assert cast.as_later(sign_in(rebels.luke)).post(address).status_code == 302
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()


@pytest.mark.parametrize("through_organization", [False, True])
def test_showing_the_same_string_again(
    rebels: Rebels, sign_in: SignIn, through_organization: bool
) -> None:
    """An admin reaches the own credential through Organization as well."""
    credential = cast.credential(rebels.leia)
    browser = cast.step_up(sign_in(rebels.leia))
    address = url("show", credential, rebels.leia if through_organization else None)
    assert not JWT.search(text_of(browser.get(address)))
    response = browser.post(address)
    assert response.status_code == 200
    assert set(JWT.findall(text_of(response))) == {credential.encode()}
    assert response["Cache-Control"] == "no-store"
    assert_audited(response, AuditKind.JWT_CREDENTIAL_SHOWN, rebels.leia, credential.pk)
    assert credential.encode() not in str(the_event(AuditKind.JWT_CREDENTIAL_SHOWN).details)
    browser.post(address)
    assert AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).count() == 2


@pytest.mark.parametrize("who", ["leia", "han"])
def test_only_the_owner_is_shown_the_jwt(rebels: Rebels, sign_in: SignIn, who: str) -> None:
    """An admin is not shown it, even one who created it."""
    admin: Membership = getattr(rebels, who)
    credential = cast.credential(rebels.luke, created_by=admin)
    browser = cast.step_up(sign_in(admin))
    for response in (
        browser.get(url("show", credential, rebels.luke)),
        browser.post(url("show", credential, rebels.luke)),
    ):
        assert response.status_code == 403
        assert not JWT.search(text_of(response))
    assert url("show", credential) not in text_of(
        browser.get(url("detail", credential, rebels.luke))
    )
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()


@pytest.mark.parametrize("ended", ["expired", "revoked"])
def test_a_credential_that_no_longer_works_is_not_shown(
    rebels: Rebels, sign_in: SignIn, ended: str
) -> None:
    credential = expired(rebels.luke)
    if ended == "revoked":
        revoke(credential, rebels.luke)
    browser = cast.step_up(sign_in(rebels.luke))
    for ask in (browser.get, browser.post):
        response = ask(url("show", credential))
        assert (response.status_code, response["Location"]) == (302, url("detail", credential))
        page = browser.get(response["Location"])
        assert "there is nothing to show" in words_of(page)
        assert url("show", credential) not in text_of(page)
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_SHOWN).exists()
