"""What a policy refuses when a credential is created or edited."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import AuditKind
from core.moments import day_in_words
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.models import AppAccess, JwtCredential, Policy
from credentials.policy_rules import refusal_of_use
from tests import api, cast
from tests.api import App
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.pages import (
    errors_of,
    submission,
    text_of,
    the_event,
    url,
    words_of,
)
from tests.credentials.policies import (
    PRODUCTION,
    set_policy,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
            "A credential can last at most 30 days. Choose ",
        ),
        ({"expiry_required": True}, {}, "expires_on", "Every credential needs an expiration date."),
        ({"max_lifetime_days": 30}, {}, "expires_on", "at most 30 days"),
        (
            {"all_apps_allowed": False},
            {},
            "app_access",
            "A credential can only allow specific apps.",
        ),
        (
            {"creator_role": "developer_admin"},
            {},
            "environment",
            "Only Developer Admins can create credentials.",
        ),
    ],
)
def test_a_policy_refuses_creation_beside_the_field(
    rebels: Rebels,
    sign_in: SignIn,
    rules: dict[str, Any],
    typed: dict[str, str],
    field: str,
    says: str,
) -> None:
    set_policy(rebels.organization, **rules)
    browser = sign_in(rebels.luke)
    response = create(browser, label="Kept words", **typed)
    assert says in errors_of(response)[field]
    assert len(errors_of(response)) == 1
    assert 'value="Kept words"' in text_of(response)
    assert not JwtCredential.objects.exists()
    assert create(browser, environment="production").status_code == 302, "Another policy."


def test_a_credential_within_the_policy_is_created(
    rebels: Rebels, sign_in: SignIn, app: App
) -> None:
    set_policy(
        rebels.organization, max_lifetime_days=30, expiry_required=True, all_apps_allowed=False
    )
    response = create(
        sign_in(rebels.luke),
        app_access="specific",
        client_ids=[app.client_id],
        expires_on=today(29),
        allowed_networks="192.0.2.0/24\n2001:db8::/32",
    )
    assert response.status_code == 302
    credential = JwtCredential.objects.get()
    assert refusal_of_use(credential.policy, credential) is None
    assert credential.allowed_networks == ["192.0.2.0/24", "2001:db8::/32"]
    details = the_event(AuditKind.JWT_CREDENTIAL_CREATED).details
    assert details["allowed_networks"] == ["192.0.2.0/24", "2001:db8::/32"]


def test_a_developer_admin_creates_credentials_where_developers_cannot(
    rebels: Rebels, sign_in: SignIn
) -> None:
    set_policy(rebels.organization, creator_role="developer_admin")
    response = sign_in(rebels.han).post(url("create", through=rebels.luke), submission())
    assert response.status_code == 302
    assert JwtCredential.objects.get().owner == rebels.luke


def test_the_policy_of_another_organization_does_not_apply(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    set_policy(partners.organization, expiry_required=True, all_apps_allowed=False)
    assert create(sign_in(rebels.luke)).status_code == 302


@pytest.mark.parametrize(
    ("at", "latest"),
    [
        (NOON, "2026-03-01"),
        (NOON.replace(hour=23, minute=59, second=59), "2026-03-02"),
        (NOON.replace(hour=0), "2026-03-01"),
    ],
)
def test_the_latest_expiration_date_is_within_the_maximum_lifetime(
    at: datetime, latest: str
) -> None:
    policy = Policy(max_lifetime_days=1)
    day = policy.latest_day(at)
    assert day is not None
    assert day.isoformat() == latest
    for offset, refused in ((0, False), (1, True)):
        end = datetime.combine(day, at.time(), UTC).replace(hour=23, minute=59, second=59)
        credential = JwtCredential(issued_at=at, expires_at=end + timedelta(days=offset))
        assert (refusal_of_use(policy, credential) is not None) is refused


def both(rebels: Rebels, **rules: Any) -> None:
    for environment in Environment:
        set_policy(rebels.organization, environment, **rules)


def test_the_create_form_shows_the_policy(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    assert "policy" not in words_of(browser.get(url("create")))
    set_policy(rebels.organization, max_lifetime_days=30, all_apps_allowed=False)
    set_policy(rebels.organization, PRODUCTION, creator_role="developer_admin")
    page = browser.get(url("create"))
    words = words_of(page)
    assert (
        "Your organization’s policy for sandbox A credential can last at most 30 days. "
        "A credential can only allow specific apps." in words
    )
    assert "Your organization’s policy for production" not in words
    assert re.search(r'value="production"[^>]* disabled', text_of(page))
    assert "does not allow you to create production credentials. Only Developer Admins" in words
    assert re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "Choose specific apps." in words
    latest = Policy(max_lifetime_days=30).latest_day(timezone.now())
    assert latest is not None
    assert f"last at most 30 days. Choose {day_in_words(latest)} or earlier." in words
    assert re.search(rf'<input type="date" name="expires_on"[^>]* max="{latest}"', text_of(page))
    assert "Expiration Date (UTC)* (required)" in words.replace(" *", "*")


def test_a_policy_of_one_environment_leaves_the_other_choices_open(
    rebels: Rebels, sign_in: SignIn
) -> None:
    set_policy(rebels.organization, PRODUCTION, all_apps_allowed=False, expiry_required=True)
    page = sign_in(rebels.luke).get(url("create"))
    assert not re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "Production: A credential can only allow specific apps." in words_of(page)
    assert "Production: Every credential needs an expiration date." in words_of(page)
    assert 'data-shown-when="environment=production"' in text_of(page)


def test_a_developer_who_cannot_create_credentials_sees_both_environments_disabled(
    rebels: Rebels, sign_in: SignIn
) -> None:
    both(rebels, creator_role="developer_admin")
    page = sign_in(rebels.luke).get(url("create"))
    assert len(re.findall(r'name="environment"[^>]* disabled', text_of(page))) == 2
    page = sign_in(rebels.han).get(url("create"))
    assert not re.search(r'name="environment"[^>]* disabled', text_of(page))


def test_editing_a_credential_cannot_keep_all_apps_against_the_policy(
    rebels: Rebels, sign_in: SignIn, app: App
) -> None:
    credential = cast.credential(rebels.luke)
    set_policy(rebels.organization, all_apps_allowed=False)
    browser = sign_in(rebels.luke)
    page = browser.get(url("detail", credential))
    assert re.search(r'value="organization"[^>]* disabled', text_of(page))
    assert "This credential doesn’t work right now" in words_of(page)
    assert "Exchanges fail with JWT-107" in words_of(page)
    data = {"label": "New", "app_access": "organization"}
    response = browser.post(url("detail", credential), data)
    assert "A credential can only allow specific apps." in errors_of(response)["app_access"]
    data |= {"app_access": "specific", "client_ids": app.client_id}
    assert browser.post(url("detail", credential), data).status_code == 302
    assert api.exchange(app, credential.encode()).status_code == 200


def test_editing_the_networks_of_a_credential(rebels: Rebels, sign_in: SignIn) -> None:
    credential = cast.credential(rebels.luke)
    browser = sign_in(rebels.luke)
    data = {"label": credential.label, "app_access": "organization"}
    response = browser.post(url("detail", credential), data | {"allowed_networks": "office"})
    assert "isn’t an address or a network" in errors_of(response)["allowed_networks"]
    browser.post(url("detail", credential), data | {"allowed_networks": "192.0.2.7 ::1"})
    credential.refresh_from_db()
    assert credential.allowed_networks == ["192.0.2.7/32", "::1/128"]
    assert the_event(AuditKind.JWT_CREDENTIAL_UPDATED).details == {
        "changes": {"allowed_networks": [[], ["192.0.2.7/32", "::1/128"]]}
    }
    page = browser.get(url("detail", credential))
    assert "192.0.2.7/32\n::1/128</textarea>" in text_of(page)
    assert "The credential allows 192.0.2.7/32, ::1/128" in words_of(page)


def test_an_update_without_networks_leaves_them_unchanged(rebels: Rebels) -> None:
    credential = cast.credential(rebels.luke)
    JwtCredential.objects.update(allowed_networks=["::1/128"])
    credential.refresh_from_db()
    update_jwt_credential(
        credential,
        label="New",
        app_access=AppAccess.ORGANIZATION,
        client_ids=[],
        ceiling=None,
        actor=rebels.luke.user,
        origin=cast.ORIGIN,
    )
    credential.refresh_from_db()
    assert credential.allowed_networks == ["::1/128"]
