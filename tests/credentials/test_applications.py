import re
import uuid
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from accounts.environments import Environment
from accounts.forms.lists import ListForm
from accounts.models import AuditEvent, AuditKind, Membership
from credentials import access
from credentials.actions import clients as actions
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import Application
from credentials.models.applications import SecretMatch
from credentials.reports.client_impact import listed_by_others
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.fleets import (
    PRODUCTION,
    RAW_SECRET,
    SANDBOX,
    Fleet,
    secret_of,
    settings,
    submission,
    url,
)
from tests.credentials.pages import text_of, the_event

# --- Who can -------------------------------------------------------------------------------------

GET_CLIENT = ["replace_client_secret", "suspend_client"]
POST_ONLY = ["issue_client", "resume_client"]


@pytest.mark.parametrize("who", ["leia", "han", "luke"])
def test_owner_and_developer_admins_change_an_app(fleet: Fleet, rebels: Rebels, who: str) -> None:
    membership: Membership = getattr(rebels, who)
    viewer, application = access.application_for(
        membership.user, fleet.application.pk, to_change=True
    )
    assert (viewer, application) == (membership, fleet.application)
    _, client = access.client_for(membership.user, application.pk, SANDBOX, to_change=True)
    assert client == fleet.client


def test_a_client_that_was_not_issued_is_not_found(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    for name in [*GET_CLIENT, "resume_client"]:
        assert browser.post(url(name, fleet.application, PRODUCTION)).status_code == 404


# --- The list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "sees_own", "sees_luke_s", "may_create"),
    [
        ("leia", True, True, True),
        ("han", True, True, True),
        ("luke", False, True, True),
        ("lando", False, False, True),
        ("c3po", True, True, False),
    ],
)
def test_developers_list_their_own_apps_admins_and_auditors_all(
    fleet: Fleet,
    rebels: Rebels,
    partners: Partners,
    sign_in: SignIn,
    who: str,
    sees_own: bool,
    sees_luke_s: bool,
    may_create: bool,
) -> None:
    cast.application(rebels.leia, "Rebel Base")
    cast.application(partners.lobot, "Cloud Concierge", is_public=True)
    page = text_of(sign_in(getattr(rebels, who)).get(reverse("credentials:applications")))
    assert ("Rebel Base" in page) is sees_own
    assert ("X-wing Dialer" in page) is sees_luke_s
    assert "Cloud Concierge" not in page
    assert (reverse("credentials:create_application") in page) is may_create


def test_the_list_says_what_an_app_is(fleet: Fleet, rebels: Rebels, sign_in: SignIn) -> None:
    actions.suspend_client(fleet.client, actor=rebels.luke.user, origin=cast.ORIGIN)
    page = text_of(sign_in(rebels.han).get(reverse("credentials:applications")))
    for expected in ("Private", "EditAccounts", "Suspended", "N/A", "Luke Example"):
        assert expected in page


def test_an_empty_list_explains_the_three_steps(rebels: Rebels, sign_in: SignIn) -> None:
    page = text_of(sign_in(rebels.luke).get(reverse("credentials:applications")))
    assert "No apps yet" in page
    assert "Create a JWT for it" in page


def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ListForm, "page_size", 2)
    names = [cast.application(rebels.luke, f"App {number}").name for number in range(5)]
    browser = sign_in(rebels.luke)
    address, pages = reverse("credentials:applications"), []
    while address:
        page = text_of(browser.get(address))
        pages.append(re.findall(r">(App \d)<", page))
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = reverse("credentials:applications") + older.group(1) if older else ""
    assert pages == [names[4:2:-1], names[2:0:-1], names[:1]]


@pytest.mark.parametrize("after", ["nonsense", str(uuid.UUID(int=7))])
def test_a_link_to_an_unknown_page_shows_the_first(
    rebels: Rebels, sign_in: SignIn, after: str
) -> None:
    cast.application(rebels.luke, "App 1")
    page = sign_in(rebels.luke).get(reverse("credentials:applications"), {"after": after})
    assert "App 1" in text_of(page)


def test_the_list_takes_the_same_queries_however_long(
    rebels: Rebels, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    browser, address = sign_in(rebels.leia), reverse("credentials:applications")
    for owner in (rebels.luke, rebels.han):
        cast.client(cast.application(owner))
    with django_assert_max_num_queries(50) as few:
        browser.get(address)
    for number in range(12):
        cast.client(cast.application(rebels.lando, f"App {number}"))
    with django_assert_max_num_queries(len(few)):
        assert "App 11" in text_of(browser.get(address))


# --- Create --------------------------------------------------------------------------------------


def test_creating_an_app_shows_its_sandbox_secret_once(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    address = reverse("credentials:create_application")
    assert "submission_key" in text_of(browser.get(address))
    response = browser.post(address, submission())
    raw_secret = secret_of(response)
    application = Application.objects.get()
    client = application.clients.get()
    assert "no-store" in response["Cache-Control"]
    assert (application.name, application.owner) == ("X-wing Dialer", rebels.luke.user)
    assert (application.is_public, application.issues_refresh_tokens) == (False, False)
    assert (application.uses_jwt_flow, application.scopes) == (True, ["EditAccounts"])
    assert client.environment == SANDBOX
    assert client.secret_match(raw_secret) is SecretMatch.CURRENT
    assert f"{reverse('my_credentials:create')}?client_id={client.client_id}" in text_of(response)
    for kind, target in [
        (AuditKind.APPLICATION_REGISTERED, str(application.pk)),
        (AuditKind.CLIENT_ISSUED, str(client.pk)),
    ]:
        event = the_event(kind)
        assert (event.actor, event.target_id) == (rebels.luke.user, target)
        assert event.ip == "127.0.0.1"
        assert event.request_id == response["X-Request-Id"]


def test_ids_and_secrets_use_url_safe_characters_only(rebels: Rebels) -> None:
    application = cast.application(rebels.luke)
    client, raw_secret = cast.client(application)
    secrets = [raw_secret] + [
        actions.replace_client_secret(client, actor=rebels.luke.user, origin=cast.ORIGIN)
        for _ in range(50)
    ]
    assert len(set(secrets)) == 51
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", secret) for secret in secrets)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", client.client_id)


def test_sending_the_form_twice_creates_one_app_and_shows_no_secret_again(
    rebels: Rebels, sign_in: SignIn
) -> None:
    browser, data = sign_in(rebels.luke), submission()
    secret_of(browser.post(reverse("credentials:create_application"), data))
    again = browser.post(reverse("credentials:create_application"), data)
    application = Application.objects.get()
    assert (again.status_code, again["Location"]) == (302, url("application", application))
    assert application.clients.count() == 1
    assert not RAW_SECRET.search(text_of(browser.get(again["Location"])))


def test_a_submission_key_of_someone_else_opens_nothing(rebels: Rebels, sign_in: SignIn) -> None:
    data = submission()
    sign_in(rebels.luke).post(reverse("credentials:create_application"), data)
    response = sign_in(rebels.lando).post(reverse("credentials:create_application"), data)
    assert response.status_code == 200
    assert not RAW_SECRET.search(text_of(response))
    assert "already exists" in text_of(response)
    assert Application.objects.count() == 1


def test_an_app_without_its_client_is_never_left_behind(
    rebels: Rebels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(actions, "issue_client", fail)
    with pytest.raises(RuntimeError):
        actions.register_application_with_client(
            rebels.luke,
            name="X-wing Dialer",
            description="",
            is_public=False,
            scopes=[],
            uses_jwt_flow=True,
            issues_refresh_tokens=True,
            origin=cast.ORIGIN,
            submission_key=uuid.uuid4(),
        )
    assert not Application.objects.exists()
    assert not AuditEvent.objects.filter(kind=AuditKind.APPLICATION_REGISTERED).exists()


INVALID = [
    ({"name": ""}, "This field is required."),
    ({"name": "   "}, "This field is required."),
    ({"name": "x" * 101}, "at most 100 characters"),
    ({"description": "x" * 501}, "at most 500 characters"),
    ({"is_public": ""}, "This field is required."),
    ({"is_public": "secret"}, "Select a valid choice."),
    ({"issues_refresh_tokens": ""}, "This field is required."),
    ({"scopes": ["EditAccounts", "Everything"]}, "Select a valid choice."),
]


@pytest.mark.parametrize(("changed", "message"), INVALID)
def test_an_error_appears_beside_its_field_and_input_is_kept(
    rebels: Rebels, sign_in: SignIn, changed: dict[str, Any], message: str
) -> None:
    data = submission(**{"name": "Kept name", "description": "Kept words", **changed})
    response = sign_in(rebels.luke).post(reverse("credentials:create_application"), data)
    page, (field,) = text_of(response), changed
    assert response.status_code == 200
    assert message in page
    assert re.search(rf'id="id_{field}_error"', page)
    if field != "name":
        assert 'value="Kept name"' in page
    if field != "description":
        assert "Kept words</textarea>" in page
    if field != "scopes":
        assert re.search(r'value="EditAccounts"[^>]* checked', page)
    assert data["submission_key"] in page
    assert not Application.objects.exists()


@pytest.mark.parametrize("key", ["", "no-uuid"])
def test_a_form_without_its_submission_key_says_so(
    rebels: Rebels, sign_in: SignIn, key: str
) -> None:
    data = settings(submission_key=key)
    response = sign_in(rebels.luke).post(reverse("credentials:create_application"), data)
    assert response.status_code == 200
    assert "errorlist" in text_of(response)
    assert not Application.objects.exists()


# --- One app -------------------------------------------------------------------------------------


def test_the_app_page_shows_both_environments(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    page = text_of(sign_in(rebels.luke).get(url("application", fleet.application)))
    for expected in (
        "Application Credentials",
        "Sandbox Environment",
        "Production Environment",
        SANDBOX.urls.base_url,
        PRODUCTION.urls.base_url,
        fleet.client.client_id,
        f"••••{fleet.client.secret_hint}",
        "Shown once",
        "Issue client ID",
        url("issue_client", fleet.application, PRODUCTION),
        url("replace_client_secret", fleet.application, SANDBOX),
        url("suspend_client", fleet.application, SANDBOX),
        f"{reverse('my_credentials:create')}?client_id={fleet.client.client_id}",
        "Includes ReadAccounts, EditExtensions.",
        "registered the app",
        "issued the client ID",
    ):
        assert expected in page, expected
    assert fleet.raw_secret not in page
    assert url("issue_client", fleet.application, SANDBOX) not in page


def test_an_auditor_reads_an_app_without_the_means_to_change_it(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    page = text_of(sign_in(rebels.c3po).get(url("application", fleet.application)))
    assert fleet.client.client_id in page
    assert "registered the app" in page
    for name in ("issue_client", "replace_client_secret", "suspend_client", "resume_client"):
        for environment in Environment:
            assert url(name, fleet.application, environment) not in page
    assert url("application_settings", fleet.application) not in page
    assert reverse("my_credentials:create") not in page


def test_an_app_without_the_jwt_flow_is_offered_no_jwt(rebels: Rebels, sign_in: SignIn) -> None:
    application = cast.application(rebels.luke, uses_jwt_flow=False, scopes=[])
    cast.client(application)
    page = text_of(sign_in(rebels.luke).get(url("application", application)))
    assert "can’t exchange a JWT" in page
    assert f"{reverse('my_credentials:create')}?client_id=" not in page


# --- Settings ------------------------------------------------------------------------------------


def test_settings_are_saved(fleet: Fleet, rebels: Rebels, sign_in: SignIn) -> None:
    browser, address = sign_in(rebels.luke), url("application_settings", fleet.application)
    assert 'value="X-wing Dialer"' in text_of(browser.get(address))
    changed = settings(
        name="Y-wing Dialer", is_public="public", issues_refresh_tokens="yes", scopes=["Accounts"]
    )
    del changed["uses_jwt_flow"]
    response = browser.post(address, changed)
    assert (response.status_code, response["Location"]) == (302, address)
    application = Application.objects.get()
    assert (application.name, application.description) == (
        "Y-wing Dialer",
        "Dials from the cockpit.",
    )
    assert (application.is_public, application.issues_refresh_tokens) == (True, True)
    assert (application.uses_jwt_flow, application.scopes) == (False, ["Accounts"])
    assert "We saved the settings." in text_of(browser.get(address))
    assert the_event(AuditKind.APPLICATION_UPDATED).details["changes"] == {
        "name": ["X-wing Dialer", "Y-wing Dialer"],
        "description": ["", "Dials from the cockpit."],
        "is_public": [False, True],
        "scopes": [["EditAccounts"], ["Accounts"]],
        "uses_jwt_flow": [True, False],
        "issues_refresh_tokens": [False, True],
    }


def test_saving_the_same_settings_records_nothing(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn
) -> None:
    address = url("application_settings", fleet.application)
    assert sign_in(rebels.luke).post(address, settings(description="")).status_code == 302
    assert not AuditEvent.objects.filter(kind=AuditKind.APPLICATION_UPDATED).exists()


@pytest.mark.parametrize(("changed", "message"), INVALID)
def test_a_mistake_in_the_settings_changes_nothing(
    fleet: Fleet, rebels: Rebels, sign_in: SignIn, changed: dict[str, Any], message: str
) -> None:
    address = url("application_settings", fleet.application)
    data = settings(**{"name": "Kept name", **changed})
    page = text_of(sign_in(rebels.luke).post(address, data))
    assert message in page
    if "name" not in changed:
        assert 'value="Kept name"' in page
    assert "X-wing Dialer" in page  # the breadcrumb names what is saved
    fleet.application.refresh_from_db()
    assert fleet.application.name == "X-wing Dialer"


def test_settings_warn_before_a_public_app_becomes_private(
    rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    application = cast.application(partners.lobot, "Cloud Concierge", is_public=True)
    client, _ = cast.client(application)
    cast.credential(partners.lobot, clients=[client])
    revoked = cast.credential(rebels.luke, clients=[client])
    revoke_jwt_credential(revoked, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    assert listed_by_others(application) == 0
    cast.credential(rebels.luke, clients=[client])
    assert listed_by_others(application) == 1
    page = text_of(sign_in(partners.lobot).get(url("application_settings", application)))
    assert "One credential in other organizations lists it now." in page


# --- The actions themselves ----------------------------------------------------------------------


def test_the_actions_refuse_people_without_the_right(
    fleet: Fleet, rebels: Rebels, partners: Partners
) -> None:
    for stranger in (rebels.lando, rebels.c3po, rebels.wedge, partners.lobot):
        for act in (actions.replace_client_secret, actions.suspend_client, actions.resume_client):
            with pytest.raises(PermissionDenied):
                act(fleet.client, actor=stranger.user, origin=cast.ORIGIN)


def test_an_app_gets_only_scopes_that_the_platform_offers(rebels: Rebels) -> None:
    with pytest.raises(ValidationError, match="doesn’t offer Everything"):
        cast.application(rebels.luke, scopes=["Everything"])
