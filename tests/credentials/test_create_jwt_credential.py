"""Create JWT: refused input, the created page, and the emails."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Membership
from credentials import jose
from credentials.actions.permitted_apps import MAX_PERMITTED_CLIENTS
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import JwtCredential, PermittedClient
from credentials.models.expiration import NEVER
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.conftest import Apps
from tests.credentials.creating import create, created
from tests.credentials.pages import (
    JWT,
    alerts_of,
    assert_audited,
    errors_of,
    fields_of,
    listed_in,
    submission,
    text_of,
    the_event,
    url,
    words_of,
)
from tests.credentials.test_created_jwt import admin

NASTY = "<b>Key</b> & {{ 7|add:1 }} {% now 'Y' %} \"🔑\""


@pytest.mark.parametrize("who", ["luke", "han"])
@pytest.mark.parametrize("environment", list(Environment))
def test_creating_for_all_apps(
    rebels: Rebels, sign_in: SignIn, who: str, environment: Environment
) -> None:
    creator: Membership = getattr(rebels, who)
    through = None if who == "luke" else rebels.luke
    browser = sign_in(creator)
    response = create(browser, through, environment=environment, label="  Nightly ")
    credential = created(response, through)
    assert (credential.label, credential.app_access) == ("Nightly", "organization")
    assert (credential.owner, credential.environment) == (rebels.luke, environment)
    assert (credential.created_by, credential.expires_at) == (creator.user, NEVER)
    assert credential.organization == rebels.organization
    assert_audited(response, AuditKind.JWT_CREDENTIAL_CREATED, creator, credential.pk)
    assert the_event(AuditKind.JWT_CREDENTIAL_CREATED).details == {
        "owner": "luke@rebels.example",
        "environment": environment,
        "app_access": "organization",
        "client_ids": [],
        "expires_at": None,
        "allowed_networks": [],
        "ceiling": None,
    }
    page = browser.get(response["Location"])
    assert page["Cache-Control"] == "no-store"
    [jwt] = set(JWT.findall(text_of(page)))
    claims = jose.verify(jwt, jwk=credential.signing_key.public_jwk, token_type="JWT")
    base_url = f"http://localhost:8000/{environment}"
    assert claims == {
        "iss": base_url,
        "aud": f"{base_url}/restapi/oauth/token",
        "sub": str(credential.extension_id),
        "jti": str(credential.pk),
        "iat": int(credential.issued_at.timestamp()),
        "exp": int(NEVER.timestamp()),
    }


def test_creating_for_specific_apps(rebels: Rebels, apps: Apps, sign_in: SignIn) -> None:
    chosen = [apps.concierge.client_id, apps.dialer.client_id, apps.crane.client_id]
    browser = sign_in(rebels.luke)
    response = create(
        browser, app_access="specific", client_ids=[*chosen, chosen[0]], expires_on="2098-03-31"
    )
    credential = created(response)
    assert (
        list(
            credential.permitted_clients.order_by("permitted_by__pk").values_list(
                "client_id", flat=True
            )
        )
        == chosen
    )
    assert f"{credential.expires_at:%Y-%m-%d %H:%M:%S %Z}" == "2098-03-31 23:59:59 UTC"
    details = the_event(AuditKind.JWT_CREDENTIAL_CREATED).details
    assert (details["client_ids"], details["expires_at"]) == (chosen, "2098-03-31T23:59:59Z")
    words = words_of(browser.get(response["Location"]))
    assert "through 3 specific apps, until Mar 31, 2098, 23:59 UTC" in words


def test_today_is_a_valid_expiration_date(rebels: Rebels, sign_in: SignIn) -> None:
    today = timezone.now().astimezone(UTC).date()
    assert created(create(sign_in(rebels.luke), expires_on=str(today))).status == "active"


def test_a_credential_for_all_apps_needs_no_list(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    """What was listed before the person chose all apps does not matter."""
    response = create(
        sign_in(rebels.luke), client_ids=["unknown", apps.suspended.client_id], client_id="typed"
    )
    assert created(response).permitted.count() == 0


def test_a_list_holds_a_limited_number_of_apps(
    rebels: Rebels, apps: Apps, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credentials.actions.permitted_apps.MAX_PERMITTED_CLIENTS", 2)
    ids = [apps.dialer.client_id, apps.crane.client_id]
    credential = created(create(sign_in(rebels.luke), app_access="specific", client_ids=ids))
    assert credential.permitted.count() == 2


Changed = Callable[[Apps], dict[str, Any]]


@dataclass(frozen=True)
class Refusal:
    name: str
    field: str
    message: str
    changed: Changed


def listing(*attributes: str) -> Changed:
    return lambda apps: {
        "app_access": "specific",
        "client_ids": [getattr(apps, attribute).client_id for attribute in attributes],
    }


def fields(**changed: Any) -> Changed:
    return lambda _apps: changed


REFUSALS = [
    Refusal("no label", "label", "Give the credential a label.", fields(label="")),
    Refusal("blank label", "label", "Give the credential a label.", fields(label=" \t ")),
    Refusal(
        "long label",
        "label",
        "Ensure this value has at most 100 characters (it has 101).",
        fields(label="🔑" * 101),
    ),
    Refusal("line break in label", "label", "Enter this on one line.", fields(label="a\nb")),
    Refusal(
        "override in label",
        "label",
        "Character 1 of this text, U+202E (right-to-left override), is invisible. "
        "Remove it, or type the text again.",
        fields(label="\N{RIGHT-TO-LEFT OVERRIDE}abc"),
    ),
    Refusal("NUL in label", "label", "Null characters are not allowed.", fields(label="a\x00b")),
    Refusal(
        "no environment",
        "environment",
        "Choose the environment this credential works in.",
        fields(environment=""),
    ),
    Refusal(
        "invented environment",
        "environment",
        "Select a valid choice. staging is not one of the available choices.",
        fields(environment="staging"),
    ),
    Refusal(
        "no app access",
        "app_access",
        "Choose which apps can use this credential.",
        fields(app_access=""),
    ),
    Refusal(
        "invented app access",
        "app_access",
        "Select a valid choice. everyone is not one of the available choices.",
        fields(app_access="everyone"),
    ),
    Refusal(
        "past date",
        "expires_on",
        "This date is in the past. Choose today or later.",
        fields(expires_on="2020-02-29"),
    ),
    Refusal(
        "date too late",
        "expires_on",
        "Choose a date before Dec 31, 2099, or leave this empty if it should never expire.",
        fields(expires_on="2099-12-31"),
    ),
    Refusal(
        "date far too late",
        "expires_on",
        "Choose a date before Dec 31, 2099, or leave this empty if it should never expire.",
        fields(expires_on="9999-12-31"),
    ),
    Refusal(
        "invalid date",
        "expires_on",
        "Enter a date like 2027-03-31.",
        fields(expires_on="2027-02-30"),
    ),
    Refusal(
        "no date", "expires_on", "Enter a date like 2027-03-31.", fields(expires_on="tomorrow")
    ),
    Refusal(
        "empty list",
        "client_id",
        "Add at least one app, or allow all apps.",
        listing(),
    ),
    Refusal(
        "typed but not added",
        "client_id",
        "You entered this client ID but didn’t add it. Choose Add app, or clear the field.",
        lambda apps: listing("dialer")(apps) | {"client_id": "typed"},
    ),
    Refusal(
        "unknown client ID",
        "client_id",
        "nobody: No app has this client ID. Check for a missing character, or ask the app's "
        "developer to send it again.",
        fields(app_access="specific", client_ids=["nobody"]),
    ),
    Refusal(
        "NUL in client ID",
        "client_id",
        "a�b: No app has this client ID.",
        fields(app_access="specific", client_ids=["a\x00b"]),
    ),
    Refusal(
        "other environment",
        "client_id",
        "This is a production client ID. A sandbox credential needs the app's sandbox client ID.",
        listing("dialer", "dialer_production"),
    ),
    Refusal(
        "suspended",
        "client_id",
        "This client ID is suspended, so its app can't authenticate. Ask its developer to resume "
        "it first.",
        listing("dialer", "suspended"),
    ),
    Refusal(
        "private app of another organization",
        "client_id",
        "This is a private app of another organization. Only its own organization can use it. "
        "Ask its developer to make it public.",
        listing("ledger"),
    ),
    Refusal(
        "too many apps",
        "client_id",
        f"You can list at most {MAX_PERMITTED_CLIENTS} apps.",
        fields(
            app_access="specific",
            client_ids=[f"client-{number}" for number in range(MAX_PERMITTED_CLIENTS + 1)],
        ),
    ),
    Refusal(
        "markup in client ID",
        "client_id",
        "<b>{{ 7|add:1 }}</b>: No app has this client ID.",
        fields(app_access="specific", client_ids=["<b>{{ 7|add:1 }}</b>"]),
    ),
]


# Every other one through Organization: it is the same form.
@pytest.mark.parametrize(
    ("through_organization", "refusal"),
    [
        pytest.param(number % 2 == 1, refusal, id=refusal.name)
        for number, refusal in enumerate(REFUSALS)
    ],
)
def test_a_refusal_appears_beside_its_field_and_input_is_kept(
    rebels: Rebels, apps: Apps, sign_in: SignIn, refusal: Refusal, through_organization: bool
) -> None:
    browser = sign_in(rebels.han if through_organization else rebels.luke)
    address = url("create", through=rebels.luke if through_organization else None)
    before = AuditEvent.objects.count()
    typed = {
        "label": NASTY,
        "client_ids": [apps.crane.client_id, apps.concierge.client_id],
        "expires_on": "2098-03-31",
    }
    data = submission(**typed | refusal.changed(apps))
    response = browser.post(address, data)
    assert response.status_code == 200
    assert list(errors_of(response)) == [refusal.field]
    assert refusal.message in errors_of(response)[refusal.field]
    assert f'aria-describedby="id_{refusal.field}' in text_of(response)
    data["client_ids"] = [value.replace("\x00", "�") for value in data["client_ids"]]
    # A radio button that does not exist can't be chosen; everything else is there again.
    if refusal.field in {"environment", "app_access"}:
        del data[refusal.field]
    shown = fields_of(response, address)
    if not data["client_ids"]:
        shown["client_ids"] = []
    assert shown == data
    assert (JwtCredential.objects.count(), AuditEvent.objects.count()) == (0, before)


def test_several_errors_appear_at_once(rebels: Rebels, sign_in: SignIn) -> None:
    response = create(sign_in(rebels.luke), label="", environment="", expires_on="soon")
    assert set(errors_of(response)) == {"label", "environment", "expires_on"}


@pytest.mark.parametrize("through_organization", [False, True])
def test_an_environment_without_account_is_disabled_and_refused(
    rebels: Rebels, sign_in: SignIn, through_organization: bool
) -> None:
    browser = sign_in(rebels.han if through_organization else rebels.lando)
    through = rebels.lando if through_organization else None
    form = browser.get(url("create", through=through))
    [option] = re.findall(r'<input type="radio"[^>]*value="sandbox"[^>]*>', text_of(form))
    assert " disabled" in option
    words, link = words_of(form), 'href="/console/sandbox">Create sandbox account'
    assert ("You don’t have a sandbox account yet." in words) is not through_organization
    assert ("Lando Example doesn’t have a sandbox account yet." in words) is through_organization
    assert (link in text_of(form)) is not through_organization
    assert fields_of(form, url("create", through=through))["environment"] == "production"
    response = create(browser, through)
    assert errors_of(response) == {
        "environment": "Lando Example doesn’t have a sandbox account yet."
    }
    assert not JwtCredential.objects.exists()


def test_a_disabled_account_is_disabled_and_refused(rebels: Rebels, sign_in: SignIn) -> None:
    rebels.luke.user.extensions.filter(account__environment="sandbox").update(status="disabled")
    browser = sign_in(rebels.luke)
    words = words_of(browser.get(url("create")))
    assert "Your sandbox account is disabled. An account administrator can enable it." in words
    response = create(browser)
    assert errors_of(response) == {"environment": "The sandbox account is disabled."}
    for_luke = words_of(sign_in(rebels.han).get(url("create", through=rebels.luke)))
    assert "Luke Example’s sandbox account is disabled." in for_luke


def test_only_developers_can_own_a_credential(rebels: Rebels, sign_in: SignIn) -> None:
    response = create(sign_in(rebels.leia), rebels.c3po, environment="production")
    assert errors_of(response) == {"environment": "C3po Example needs the Developer role first."}
    rebels.luke.user.is_active = False
    rebels.luke.user.save()
    response = create(sign_in(rebels.leia), rebels.luke)
    assert list(errors_of(response)) == ["environment"]
    assert not JwtCredential.objects.exists()


def test_the_form_has_the_fields_in_their_order(rebels: Rebels, sign_in: SignIn) -> None:
    words = words_of(sign_in(rebels.luke).get(url("create")))
    texts = [
        "Label",
        "Environment",
        "Sandbox",
        "Production",
        "What apps are permitted to use this credential?",
        "All apps created by developers within my organization",
        "Only specific apps of my choice",
        "Client ID",
        "Add app",
        "Expiration Date (UTC)",
        "restrict it to specific apps",
        "Cancel",
        "Create JWT",
    ]
    assert re.search(".*?".join(re.escape(text) for text in texts), words)


@pytest.mark.parametrize(
    ("attribute", "environment"), [("dialer", "sandbox"), ("dialer_production", "production")]
)
def test_client_id_in_the_address_preselects_its_app(
    rebels: Rebels, apps: Apps, sign_in: SignIn, attribute: str, environment: str
) -> None:
    client_id = getattr(apps, attribute).client_id
    browser = sign_in(rebels.luke)
    response = browser.get(url("create"), {"client_id": client_id})
    assert listed_in(response) == [[client_id, "X-wing Dialer", "Rebel Alliance"]]
    shown = fields_of(response, url("create"))
    assert (shown["app_access"], shown["environment"]) == ("specific", environment)
    assert shown["client_ids"] == [client_id]
    credential = created(browser.post(url("create"), shown | {"label": "From the app page"}))
    assert credential.permitted_clients.get().client_id == client_id


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("suspended", "This client ID is suspended"),
        ("ledger", "This is a private app of another organization."),
        (None, "No app has this client ID."),
    ],
)
def test_client_id_in_the_address_that_is_not_permittable(
    rebels: Rebels, apps: Apps, sign_in: SignIn, attribute: str | None, message: str
) -> None:
    client_id = getattr(apps, attribute).client_id if attribute else "<i>x</i>\x00"
    response = sign_in(rebels.luke).get(url("create"), {"client_id": client_id})
    assert response.status_code == 200
    assert f"{client_id.replace(chr(0), '')}" in words_of(response).replace(" :", ":")
    assert message in words_of(response)
    assert "<i>x" not in text_of(response)
    assert listed_in(response) == []
    assert not AuditEvent.objects.filter(kind=AuditKind.JWT_CREDENTIAL_CREATED).exists()


def test_sending_the_form_twice_creates_one(
    rebels: Rebels,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    browser, data = sign_in(rebels.luke), submission()
    with django_capture_on_commit_callbacks(execute=True):
        first, second = (browser.post(url("create"), data) for _ in range(2))
    assert first["Location"] == second["Location"] == url("created", created(first))
    assert browser.get(second["Location"]).status_code == 200
    assert the_event(AuditKind.JWT_CREDENTIAL_CREATED).actor == rebels.luke.user
    assert len(mail.outbox) == 1


def test_sending_it_again_later_does_not_start_the_ten_minutes_anew(
    rebels: Rebels, sign_in: SignIn
) -> None:
    browser, data = sign_in(rebels.luke), submission()
    credential = created(browser.post(url("create"), data))
    JwtCredential.objects.update(issued_at=timezone.now() - timedelta(seconds=601))
    again = browser.post(url("create"), data)
    assert again["Location"] == url("created", credential)
    assert not JWT.search(text_of(browser.get(again["Location"], follow=True)))


USED_KEY = (
    "You already sent this form, and it created a credential. To create another one, choose "
    "Create JWT again."
)


def test_the_submission_key_of_someone_else_opens_nothing(rebels: Rebels, sign_in: SignIn) -> None:
    data = submission()
    created(sign_in(rebels.leia).post(url("create"), data))
    browser = sign_in(rebels.luke)
    response = browser.post(url("create"), data)
    assert alerts_of(response) == [USED_KEY]
    assert not JWT.search(text_of(response))
    assert JwtCredential.objects.count() == 1
    # The page carries a new key with the old input, so that the next attempt works.
    again = fields_of(response, url("create"))
    assert again.pop("submission_key") != data.pop("submission_key")
    assert again == data
    retried = browser.post(url("create"), fields_of(response, url("create")))
    assert (retried.status_code, JwtCredential.objects.count()) == (302, 2)


def test_the_same_key_for_the_other_environment(rebels: Rebels, sign_in: SignIn) -> None:
    """Back to the form, another environment chosen, and sent: not the same form any more."""
    browser, data = sign_in(rebels.luke), submission()
    created(browser.post(url("create"), data))
    response = browser.post(url("create"), data | {"environment": "production"})
    assert alerts_of(response) == [USED_KEY]
    assert JwtCredential.objects.get().environment == Environment.SANDBOX


@pytest.mark.parametrize("key", ["", "no-uuid", "\x00"])
def test_a_form_without_its_key_can_be_sent_again(
    rebels: Rebels, sign_in: SignIn, key: str
) -> None:
    browser = sign_in(rebels.luke)
    response = create(browser, submission_key=key)
    assert errors_of(response) == {
        "submission_key": "The form was incomplete. Check your entries, and choose Create "
        "JWT again."
    }
    again = browser.post(url("create"), fields_of(response, url("create")))
    assert created(again).label == "Contractor Key"


@pytest.mark.parametrize("who", ["luke", "han", "nowhere"])
def test_the_owner_gets_an_email(
    rebels: Rebels,
    apps: Apps,
    sign_in: SignIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    who: str,
) -> None:
    own = who == "luke"
    browser = sign_in(rebels.luke if own else admin(rebels, who))
    through = None if own else rebels.luke
    with django_capture_on_commit_callbacks(execute=True):
        response = create(
            browser,
            through,
            label=NASTY,
            app_access="specific",
            client_ids=[apps.dialer.client_id],
            expires_on="2098-03-31",
        )
    credential = created(response, through)
    [message] = mail.outbox
    by, seen = "You created a JWT credential.", ""
    if not own:
        person = f"{who.capitalize()} Example ({who}@rebels.example)"
        by = f"{person} created a JWT credential that lets apps act as you."
        name = f"{who.capitalize()} Example"
        seen = {
            "han": f"{name} saw the JWT when creating the credential.\n",
            "nowhere": f"{name} can’t see the JWT. Only you can.\n",
        }[who]
    assert (message.to, message.from_email) == (
        ["luke@rebels.example"], "Developer Console <console@localhost>",
    )  # fmt: skip
    assert message.subject == f"A sandbox JWT credential was created for you: {NASTY}"
    assert (
        message.body
        == f"""\
Hello Luke,

{by}

  Label:        {NASTY}
  Environment:  Sandbox
  Apps:         specific apps
  Expires:      Mar 31, 2098, 23:59 UTC

Anyone who has the JWT can call the API with your permissions, through the apps that the credential
allows.
{seen}
View the credential, change its apps, or revoke it:

http://localhost:8000{url("detail", credential)}

If you didn’t expect this, revoke the credential now and tell your account administrator.
"""
    )


def test_the_email_about_a_credential_without_limits(
    rebels: Rebels, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        cast.credential(rebels.luke, environment=Environment.PRODUCTION)
    [message] = mail.outbox
    assert message.subject.startswith("A production JWT credential")
    for line in (
        "Environment:  Production",
        "Apps:         all apps in your",
        "Expires:      never",
    ):
        assert line in str(message.body)


@pytest.mark.parametrize("label", [NASTY, "x" * 100, "🔑" * 100, "שלום world", "{% load x %}"])
def test_a_label_is_text_on_every_page(rebels: Rebels, sign_in: SignIn, label: str) -> None:
    browser = cast.step_up(sign_in(rebels.luke))
    credential = created(create(browser, label=label))
    assert credential.label == label
    pages = [browser.get(url(name, credential)) for name in ("detail", "revoke", "show", "created")]
    pages.append(browser.get(url("list")))
    revoke_jwt_credential(credential, reason=label, actor=rebels.luke.user, origin=cast.ORIGIN)
    pages.append(browser.get(url("detail", credential)))
    for page in pages:
        assert page.status_code == 200
        assert " ".join(label.split()).replace("<b>", "").replace("</b>", "") in words_of(
            page
        ).replace("<b>", "").replace("</b>", "")
        assert "<b>Key" not in text_of(page)


def test_one_bad_client_id_refuses_the_whole_list(
    rebels: Rebels, apps: Apps, sign_in: SignIn
) -> None:
    """One bad client ID among good ones refuses them all."""
    ids = [apps.dialer.client_id, apps.ledger.client_id, apps.crane.client_id]
    response = create(sign_in(rebels.luke), app_access="specific", client_ids=ids)
    assert errors_of(response)["client_id"].startswith(f"{apps.ledger.client_id}: ")
    assert not alerts_of(response)
    assert (JwtCredential.objects.count(), PermittedClient.objects.count()) == (0, 0)
