"""Every form puts the errors of its action beside their fields and keeps what was typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.test import Client as Browser
from django.urls import reverse

from accounts.actions.access_requests import request_access
from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.forms.submissions import errors_on
from accounts.models import Membership
from accounts.roles import ConsoleRole
from tests import cast
from tests.conftest import Rebels, SignIn
from tests.credentials.fleets import Fleet, settings, submission, url
from tests.credentials.pages import text_of

REFUSAL = "We refuse this value."


@dataclass(frozen=True)
class Page:
    """A page with a form, and the action that refuses what it sends."""

    action: str
    field: str
    data: Callable[[Rebels], dict[str, Any]]
    address: Callable[[Rebels, Fleet], str]
    who: str = "leia"
    kept: str = ""
    """What was typed into the field, if the page shows it."""


def access_request(rebels: Rebels) -> list[object]:
    return [request_access(rebels.wedge, reason="To build", origin=cast.ORIGIN).pk]


def invitation_link(rebels: Rebels) -> str:
    _invitation, token = invite(
        rebels.organization,
        "mon@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    return reverse("accounts:open_invitation", args=[token])


def login_of(person: Membership) -> list[object]:
    return [person.user.extensions.in_environment(Environment.PRODUCTION).get().pk]


def replacement(rebels: Rebels) -> dict[str, Any]:
    return {"issued_at": "2026-01-11T10:40:00Z", "overlap": "3600"}


PAGES = {
    "my profile": Page(
        "accounts.views.users.update_profile",
        "first_name",
        lambda _: {"first_name": "Obi-Wan", "last_name": "Kenobi"},
        lambda *_: reverse("accounts:my_profile"),
        kept="Obi-Wan",
    ),
    "request access": Page(
        "accounts.actions.access_requests.request_access",
        "reason",
        lambda _: {"reason": "Because"},
        lambda *_: reverse("accounts:request_access"),
        who="wedge",
        kept="Because",
    ),
    "approve": Page(
        "accounts.actions.access_requests.approve_access_request",
        "role",
        lambda _: {"role": "auditor"},
        lambda rebels, _: reverse("accounts:approve_access_request", args=access_request(rebels)),
        kept="auditor",
    ),
    "decline": Page(
        "accounts.actions.access_requests.decline_access_request",
        "reason",
        lambda _: {"reason": "Because"},
        lambda rebels, _: reverse("accounts:decline_access_request", args=access_request(rebels)),
        kept="Because",
    ),
    "invite": Page(
        "accounts.actions.invitations.invite_by_email",
        "email",
        lambda _: {"email": "ben@rebels.example", "role": "developer"},
        lambda *_: reverse("accounts:invite"),
        kept="ben@rebels.example",
    ),
    "accept an invitation": Page(
        "accounts.actions.invitations.accept_invitation",
        "last_name",
        lambda _: {
            "first_name": "Mon",
            "last_name": "Mothma",
            "password": "Chandrila-Senator-42",
            "password_again": "Chandrila-Senator-42",
        },
        lambda rebels, _: invitation_link(rebels),
        who="",
        kept="Mothma",
    ),
    "platform login": Page(
        "accounts.actions.extensions.change_extension",
        "user_role",
        lambda _: {"user_role": "read_only", "status": "Enabled"},
        lambda rebels, _: reverse("accounts:change_extension", args=login_of(rebels.luke)),
        kept="read_only",
    ),
    "create an app": Page(
        "credentials.views.applications.register_application_with_client",
        "name",
        lambda _: submission(name="Y-wing"),
        lambda *_: reverse("credentials:create_application"),
        kept="Y-wing",
    ),
    "settings of an app": Page(
        "credentials.actions.applications.update_application",
        "description",
        lambda _: settings(description="Dials on its own"),
        lambda _, fleet: url("application_settings", fleet.application),
        kept="Dials on its own",
    ),
    "replace a client secret": Page(
        "credentials.actions.clients.replace_client_secret",
        "overlap",
        replacement,
        lambda _, fleet: url("replace_client_secret", fleet.application, Environment.SANDBOX),
        kept="3600",
    ),
    "change a role": Page(
        "accounts.actions.memberships.change_role",
        "role",
        lambda _: {"role": "developer_admin"},
        lambda rebels, _: reverse("organization:change_role", args=[rebels.luke.user_id]),
        kept="developer_admin",
    ),
    "transfer apps": Page(
        "credentials.views.memberships.transfer",
        "new_owner",
        lambda rebels: {
            "applications": [str(app.pk) for app in rebels.luke.user.applications.all()],
            "new_owner": "han@rebels.example",
        },
        lambda rebels, _: reverse("organization:transfer_applications", args=[rebels.luke.user_id]),
        kept="han@rebels.example",
    ),
}
# Pages that ask before they act have no fields, so the error is above their button.
CONFIRMATIONS = {
    "withdraw an invitation": Page(
        "accounts.actions.invitations.withdraw_invitation",
        NON_FIELD_ERRORS,
        lambda _: {},
        lambda rebels, _: withdrawal(rebels),
    ),
    "suspend": Page(
        "credentials.actions.clients.suspend_client",
        NON_FIELD_ERRORS,
        lambda _: {},
        lambda _, fleet: url("suspend_client", fleet.application, Environment.SANDBOX),
    ),
    "retire": Page(
        "credentials.actions.applications.retire_application",
        NON_FIELD_ERRORS,
        lambda _: {},
        lambda _, fleet: url("retire_application", fleet.application),
    ),
    **{
        name: Page(
            f"accounts.actions.memberships.{name}",
            NON_FIELD_ERRORS,
            lambda _: {},
            lambda rebels, _, name=name: reverse(  # type: ignore[misc]
                f"organization:{name}", args=[rebels.luke.user_id]
            ),
        )
        for name in ("remove_access", "deactivate", "reactivate")
    },
}


def withdrawal(rebels: Rebels) -> str:
    invitation_link(rebels)
    invitation = rebels.organization.invitations.get()
    return reverse("accounts:withdraw_invitation", args=[invitation.pk])


@pytest.fixture
def refused_page(
    rebels: Rebels, fleet: Fleet, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Page], str]:
    """The page that answers when the action refuses what was sent."""

    def answer(page: Page) -> str:
        def action(*_args: object, **_kwargs: object) -> None:
            raise ValidationError({page.field: REFUSAL})

        address, browser = page.address(rebels, fleet), Browser()
        monkeypatch.setattr(page.action, action)
        if page.who:
            browser = cast.step_up(sign_in(getattr(rebels, page.who)))
        else:
            # The link of an invitation leads to its page.
            address = browser.get(address)["Location"]
        response = browser.post(address, page.data(rebels))
        assert response.status_code == (403 if page.who == "wedge" else 200)
        return text_of(response)

    return answer


@pytest.mark.parametrize("name", PAGES)
def test_an_error_of_the_action_is_beside_its_field(
    name: str, refused_page: Callable[[Page], str]
) -> None:
    page = PAGES[name]
    answer = refused_page(page)
    assert answer.count(REFUSAL) == 1
    assert f'id="id_{page.field}_error"' in answer
    assert page.kept in answer


@pytest.mark.parametrize("name", CONFIRMATIONS)
def test_an_error_of_a_confirmed_action_is_above_its_button(
    name: str, refused_page: Callable[[Page], str]
) -> None:
    assert refused_page(CONFIRMATIONS[name]).count(REFUSAL) == 1


class Small(forms.Form):
    shown = forms.CharField()
    hidden = forms.CharField(widget=forms.HiddenInput)


def test_an_error_without_a_visible_field_is_above_the_form() -> None:
    form = Small({"shown": "typed", "hidden": "h"})
    assert form.is_valid()
    with errors_on(form):
        raise ValidationError({"shown": "A", "hidden": "B", "unknown": "C"})
    assert form.errors == {"shown": ["A"], NON_FIELD_ERRORS: ["B", "C"]}
    assert form["shown"].value() == "typed"


def test_an_error_without_fields_is_above_the_form() -> None:
    form = Small({"shown": "typed", "hidden": "h"})
    with errors_on(form):
        raise ValidationError(["A", "B"])
    assert form.errors == {NON_FIELD_ERRORS: ["A", "B"]}


def test_other_exceptions_are_not_swallowed() -> None:
    with pytest.raises(PermissionDenied), errors_on(Small()):
        raise PermissionDenied
