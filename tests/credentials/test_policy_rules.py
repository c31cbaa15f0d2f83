"""Each rule of a policy: what it refuses and when, its sentences, and the pages it is on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone

from accounts.roles import ConsoleRole
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.forms.policies import PolicyForm
from credentials.models import AppAccess, JwtCredential, Policy
from credentials.policy_rules import RULES, PolicyRule, Stage, requirements, stopped_by
from tests import api, cast
from tests.conftest import Rebels, SignIn
from tests.credentials.pages import fields_of, text_of, words_of
from tests.credentials.policies import EDIT, PAGE, policy_form, set_policy

NAMES = [rule.name for rule in RULES]


@dataclass(frozen=True)
class Scene:
    """A policy that sets one rule, as columns and as posted, and a credential that breaks it."""

    columns: dict[str, Any]
    posted: dict[str, str]
    breaking: dict[str, Any] = field(default_factory=dict)


SCENES = {
    "expiry_required": Scene({"expiry_required": True}, {"expiry_required": "on"}),
    "max_lifetime_days": Scene(
        {"max_lifetime_days": 30},
        {"max_lifetime_days": "30"},
        {"expires_on": (timezone.now() + timedelta(days=40)).date()},
    ),
    "all_apps_allowed": Scene({"all_apps_allowed": False}, {"all_apps_allowed": ""}),
    "allowed_networks": Scene(
        {"allowed_networks": ["192.0.2.0/24"]}, {"allowed_networks": "192.0.2.0/24"}
    ),
    "creator_role": Scene(
        {"creator_role": ConsoleRole.DEVELOPER_ADMIN}, {"creator_role": "developer_admin"}
    ),
}


def test_every_rule_has_a_scene_a_column_and_a_form_field() -> None:
    columns = {column.name for column in Policy._meta.concrete_fields}
    assert sorted(SCENES) == sorted(NAMES)
    assert columns - {"id", "organization", "environment"} == set(NAMES)
    assert set(PolicyForm.base_fields) - {"confirmed"} == set(NAMES)


@pytest.fixture(params=RULES, ids=NAMES)
def rule(request: pytest.FixtureRequest) -> PolicyRule:
    found: PolicyRule = request.param
    return found


@pytest.fixture
def scene(rule: PolicyRule) -> Scene:
    return SCENES[rule.name]


def refusal(act: Callable[[], object], rule: PolicyRule) -> str:
    """What an action says beside the field of this rule; empty if it refuses nothing."""
    try:
        act()
    except ValidationError as error:
        return str(error.message_dict[rule.credential_field][0])
    return ""


def test_a_rule_refuses_creation_if_it_is_checked_then(
    rebels: Rebels, rule: PolicyRule, scene: Scene
) -> None:
    policy = set_policy(rebels.organization, **scene.columns)

    def create() -> JwtCredential:
        return cast.credential(rebels.luke, **scene.breaking)

    refused = rule.requirement(policy) in refusal(create, rule)
    assert refused is (Stage.CREATION in rule.checked_at)


def test_a_rule_refuses_an_edit_if_it_is_checked_then(
    rebels: Rebels, rule: PolicyRule, scene: Scene
) -> None:
    credential = cast.credential(rebels.luke, **scene.breaking)
    policy = set_policy(rebels.organization, **scene.columns)

    def edit() -> JwtCredential:
        return update_jwt_credential(
            credential,
            label="New",
            app_access=AppAccess(credential.app_access),
            client_ids=[],
            ceiling=None,
            actor=rebels.luke.user,
            origin=cast.ORIGIN,
        )

    refused = rule.requirement(policy) in refusal(edit, rule)
    assert refused is (Stage.EDIT in rule.checked_at)


def test_a_rule_refuses_exchange_refresh_and_call_if_it_is_checked_then(
    rebels: Rebels, rule: PolicyRule, scene: Scene
) -> None:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    credential = cast.credential(rebels.luke, **scene.breaking)
    tokens = api.exchange(app, credential.encode()).json()
    policy = set_policy(rebels.organization, **scene.columns)
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answers = [
        api.exchange(app, credential.encode()),
        api.post(refresh, app.authorization),
        api.call("GET", "/account/~", tokens["access_token"]),
    ]
    if Stage.USE not in rule.checked_at:
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        return
    assert [answer.json()["errors"][0]["errorCode"] for answer in answers] == [
        "JWT-107",
        "JWT-107",
        "OAU-213",
    ]
    said = answers[0].json()["error_description"]
    assert (rule.requirement(policy) in said) is (rule.refuses_address is None)


def test_a_rule_stops_the_live_credentials_whose_use_it_refuses(
    rebels: Rebels, rule: PolicyRule, scene: Scene
) -> None:
    breaking = cast.credential(rebels.luke, **scene.breaking)
    stopped = JwtCredential.objects.filter(stopped_by(Policy(**scene.columns)))
    refuses_use = rule.refuses_credential is not None and Stage.USE in rule.checked_at
    assert list(stopped) == ([breaking] if refuses_use else [])
    assert not JwtCredential.objects.filter(stopped_by(Policy()))


def test_a_rule_without_a_limit_has_no_sentence_and_no_setting(rule: PolicyRule) -> None:
    unlimited = Policy()
    assert requirements(unlimited) == []
    assert rule.setting(unlimited) == ""


def test_a_rule_shows_its_setting_on_the_policies_page_and_its_sentence_on_the_form(
    rebels: Rebels, sign_in: SignIn, rule: PolicyRule, scene: Scene
) -> None:
    policy = set_policy(rebels.organization, **scene.columns)
    assert requirements(policy) == [rule.requirement(policy)]
    page = words_of(sign_in(rebels.leia).get(PAGE))
    assert f"{rule.title} {rule.setting(policy)} {rule.unlimited}" in page
    form = words_of(sign_in(rebels.han).get("/console/my-credentials/create"))
    assert rule.requirement(policy) in form


def test_a_rule_is_edited_recorded_and_kept_by_the_confirmation_page(
    rebels: Rebels, leia: Browser, rule: PolicyRule, scene: Scene
) -> None:
    # A second rule makes the page ask, even if this rule stops nothing.
    other = "expiry_required" if rule.name == "all_apps_allowed" else "all_apps_allowed"
    cast.credential(rebels.luke)
    assert f'name="{rule.name}"' in text_of(leia.get(EDIT))
    page = leia.post(EDIT, policy_form(**SCENES[other].posted | scene.posted))
    words = words_of(page)
    assert "Save the sandbox policy?" in words
    assert rule.requirement(Policy(**scene.columns)) in words
    assert leia.post(EDIT, fields_of(page, EDIT)).status_code == 302
    saved = Policy.objects.get()
    assert {name: getattr(saved, name) for name in scene.columns} == scene.columns
    assert rule.title in words_of(leia.get(PAGE))
