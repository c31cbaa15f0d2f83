"""The page that shows a new JWT: to whom, and for how long."""

import logging
import re

import pytest
from django.core import mail
from django.test import Client as Browser
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import Membership
from accounts.roles import ConsoleRole
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import JwtCredential
from credentials.views.create_jwt_credential import CREATED_SECONDS, CREATED_SESSION_KEY
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.creating import create, created
from tests.credentials.pages import (
    JWT,
    everything_stored,
    text_of,
    url,
    words_of,
)

ADMIN = ConsoleRole.DEVELOPER_ADMIN


def shown_to(
    browser: Browser, credential: JwtCredential, through: Membership | None = None
) -> bool:
    """Whether the created page has the JWT; otherwise it leads to the credential's page."""
    response = browser.get(url("created", credential, through))
    if response.status_code == 302:
        assert response["Location"] == url("detail", credential, through)
        response = browser.get(response["Location"])
        assert "This page no longer shows the JWT." in words_of(response)
    return bool(JWT.search(text_of(response)))


def test_the_created_page_works_only_in_its_session(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    credential = created(create(browser))
    assert shown_to(browser, credential)
    assert shown_to(browser, credential)
    assert not shown_to(sign_in(rebels.luke), credential)
    assert not shown_to(sign_in(rebels.leia), credential, rebels.luke)


@pytest.mark.parametrize(("seconds_ago", "shown"), [(595, True), (601, False)])
def test_the_created_page_lasts_ten_minutes(
    rebels: Rebels, sign_in: SignIn, seconds_ago: int, shown: bool
) -> None:
    assert CREATED_SECONDS == 600
    browser = sign_in(rebels.luke)
    credential = created(create(browser))
    session = browser.session
    session[CREATED_SESSION_KEY] = {
        key: at - seconds_ago for key, at in session[CREATED_SESSION_KEY].items()
    }
    session.save()
    assert shown_to(browser, credential) is shown


def test_a_revoked_jwt_is_not_shown(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    credential = created(create(browser))
    revoke_jwt_credential(credential, reason="x", actor=rebels.luke.user, origin=cast.ORIGIN)
    assert not shown_to(browser, credential)


def test_signing_out_ends_the_created_page(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    credential = created(create(browser))
    browser.logout()
    browser.force_login(rebels.luke.user, "allauth.account.auth_backends.AuthenticationBackend")
    assert not shown_to(browser, credential)


def test_two_credentials_of_one_session(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    create(browser)
    create(browser)
    assert [shown_to(browser, one) for one in JwtCredential.objects.all()] == [True, True]


def test_the_created_page_has_examples_for_the_chosen_app(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.luke)
    ids = [apps.dialer.client_id, apps.concierge.client_id]
    credential = created(create(browser, app_access="specific", client_ids=ids))
    for client_id, name in ((ids[0], "X-wing Dialer"), (ids[1], "Cloud Concierge")):
        response = browser.get(url("created", credential), {"client_id": client_id})
        assert f"These examples are for {name} . Each one exchanges the JWT" in words_of(response)
        assert client_id in "".join(re.findall(r"<pre.*?</pre>", text_of(response), re.DOTALL))
    unlisted = browser.get(url("created", credential), {"client_id": apps.ledger.client_id})
    assert apps.ledger.client_id not in "".join(
        re.findall(r"<pre.*?</pre>", text_of(unlisted), re.DOTALL)
    )


def test_the_created_page_without_any_app(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    words = words_of(browser.get(create(browser)["Location"]))
    assert "No app can use this credential yet" in words
    assert "YOUR_CLIENT_ID" in words


def test_the_jwt_is_on_the_page_and_nowhere_else(
    rebels: Rebels,
    sign_in: SignIn,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    caplog.set_level(logging.DEBUG)
    browser = sign_in(rebels.luke)
    with django_capture_on_commit_callbacks(execute=True):
        response = create(browser)
    page = browser.get(response["Location"])
    [jwt] = set(JWT.findall(text_of(page)))
    signature = jwt.rpartition(".")[2]
    cast.step_up(browser)
    browser.post(url("show", created(response)))
    assert signature not in caplog.text + str(dict(browser.session))
    assert not any(signature in value for value in everything_stored())
    assert signature not in "".join(message.message().as_string() for message in mail.outbox)
    assert len(mail.outbox) >= 1
    for answer in (response, page):
        assert signature not in str(answer.headers) + str(answer.cookies)


def admin(rebels: Rebels, name: str) -> Membership:
    """A Developer Admin with their own kind of sandbox login."""
    email = f"{name}@rebels.example"
    organization = rebels.organization
    match name:
        case "leia" | "han":
            membership: Membership = getattr(rebels, name)
            return membership
        case "reader":
            return cast.join(organization, email, ADMIN, user_role="read_only")
        case "nowhere":
            return cast.join(organization, email, ADMIN, sandbox=False)
        case _:
            made = cast.join(organization, email, ADMIN, user_role="super_admin")
            made.user.extensions.update(status="disabled")
            return made


@pytest.mark.parametrize(
    ("creator", "owner", "sees"),
    [
        ("han", "luke", True),
        ("leia", "luke", True),
        ("leia", "han", True),
        ("han", "leia", False),
        ("reader", "luke", False),
        ("nowhere", "luke", False),
        ("disabled", "luke", False),
    ],
)
def test_an_admin_sees_the_jwt_only_if_the_owner_has_no_more_permissions(
    rebels: Rebels, sign_in: SignIn, creator: str, owner: str, sees: bool
) -> None:
    through: Membership = getattr(rebels, owner)
    browser = sign_in(admin(rebels, creator))
    credential = created(create(browser, through), through)
    page = browser.get(url("created", credential, through))
    assert page.status_code == 200
    assert bool(JWT.search(text_of(page))) is sees
    name = through.user.name
    assert (f"Only {name} can see this JWT" in words_of(page)) is not sees
    owner_s_page = words_of(sign_in(through).get(url("detail", credential)))
    assert f"UTC by {creator.capitalize()} Example" in owner_s_page


def test_permissions_that_the_owner_gains_later_hide_the_jwt(
    rebels: Rebels, sign_in: SignIn
) -> None:
    browser = sign_in(rebels.han)
    credential = created(create(browser, rebels.luke), rebels.luke)
    assert shown_to(browser, credential, rebels.luke)
    rebels.luke.user.extensions.update(user_role="super_admin")
    assert not shown_to(browser, credential, rebels.luke)
