"""`seed_demo`: the demo data of the contract, and the JSON document that describes it."""

import io
import json
import re
from collections import Counter
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import authenticate
from django.core import mail
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.environments import Environment
from accounts.models import AccessRequest, AuditEvent, AuditKind, Organization, User
from console.demo.apps import client_secret
from credentials.models import ExchangeUsage, JwtCredential, Refusal
from tests import api

REBELS, PARTNERS = "Rebel Alliance", "Cloud City Partners"
PASSWORD = "demo-Passw0rd!"
USERS = [
    ("leia@rebels.example", "Leia Organa", REBELS, "developer_admin", True, True),
    ("han@rebels.example", "Han Solo", REBELS, "developer_admin", False, True),
    ("luke@rebels.example", "Luke Skywalker", REBELS, "developer", False, True),
    ("lando@rebels.example", "Lando Calrissian", REBELS, "developer", False, False),
    ("c3po@rebels.example", "C-3PO", REBELS, "auditor", False, False),
    ("wedge@rebels.example", "Wedge Antilles", REBELS, "no_access", False, False),
    ("lobot@cloudcity.example", "Lobot", PARTNERS, "developer_admin", True, True),
]


@pytest.fixture(autouse=True)
def _demo(settings: Settings) -> None:
    settings.DEMO = True


def seed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return out.getvalue()


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(seed("--json"))
    return loaded


def row_counts() -> dict[str, int]:
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def test_the_demo_document_is_complete_and_the_same_every_time(db: None) -> None:
    first = seed("--json")
    counts = row_counts()
    assert seed("--json") == first
    seed()
    seed("--if-empty")
    assert seed("--json") == first
    assert row_counts() == counts
    assert mail.outbox == []
    assert counts["post_office.Email"] == 0
    described = json.loads(first)
    assert list(described) == ["base_url", "environments", "users", "apps", "credentials"]
    assert described["base_url"] == "http://localhost:8000"
    assert described["environments"] == {
        "sandbox": "http://localhost:8000/sandbox",
        "production": "http://localhost:8000/production",
    }
    assert_users(described["users"])
    assert_apps(described["apps"])
    assert_credentials(described["credentials"], described["apps"])
    assert_it_works(described)
    assert_it_looks_lived_in()


def assert_users(users: list[dict[str, Any]]) -> None:
    assert users == [
        {
            "email": email,
            "password": PASSWORD,
            "name": name,
            "organization": organization,
            "role": role,
            "is_account_admin": is_account_admin,
            "sandbox_account": sandbox_account,
            "production_account": True,
        }
        for email, name, organization, role, is_account_admin, sandbox_account in USERS
    ]
    assert {
        str(user.email): {extension.user_role for extension in user.extensions.all()}
        for user in User.objects.filter(email__startswith="l")
    } == {
        "leia@rebels.example": {"super_admin"},
        "luke@rebels.example": {"standard_user"},
        "lando@rebels.example": {"standard_user"},
        "lobot@cloudcity.example": {"super_admin"},
    }


def assert_apps(described: list[dict[str, Any]]) -> None:
    keys = [
        "name", "organization", "environment", "client_id", "client_secret", "public",
        "issue_refresh_tokens", "scopes",
    ]  # fmt: skip
    assert all(list(app) == keys for app in described)
    pairs = Counter((app["organization"], app["name"]) for app in described)
    assert set(pairs.values()) == {2}
    for app in described:
        assert app["environment"] in {"sandbox", "production"}
        assert re.fullmatch(r"[A-Za-z0-9_-]{10,}", app["client_id"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", app["client_secret"])
    for key in ("client_id", "client_secret"):
        assert len({app[key] for app in described}) == len(described)
    sandbox = [app for app in described if app["environment"] == "sandbox"]
    assert sorted(app["public"] for app in sandbox if app["organization"] == PARTNERS) == [
        False, True,
    ]  # fmt: skip
    assert any(
        app["organization"] == REBELS
        and not app["public"]
        and app["issue_refresh_tokens"]
        and "EditAccounts" in app["scopes"]
        for app in sandbox
    )


def assert_credentials(described: list[dict[str, Any]], apps: list[dict[str, Any]]) -> None:
    keys = ["id", "label", "owner", "environment", "app_access", "client_ids", "status", "jwt"]
    assert all(list(credential) == keys for credential in described)
    by_client_id = {app["client_id"]: app for app in apps}
    for environment in ("sandbox", "production"):
        here = [one for one in described if one["environment"] == environment]
        owned = Counter((one["owner"], one["app_access"], one["status"]) for one in here)
        assert owned["luke@rebels.example", "organization", "active"] == 1
        assert owned["leia@rebels.example", "organization", "active"] == 1
        assert owned["luke@rebels.example", "organization", "expired"] == 1
        assert owned["luke@rebels.example", "organization", "revoked"] == 1
        assert owned["luke@rebels.example", "specific", "active"] == 1
        assert any(one["owner"] == "lobot@cloudcity.example" for one in here)
        [specific] = [
            one for one in here
            if (one["owner"], one["app_access"]) == ("luke@rebels.example", "specific")
        ]  # fmt: skip
        listed = [by_client_id[client_id] for client_id in specific["client_ids"]]
        assert [(app["organization"], app["public"]) for app in listed] == [
            (REBELS, False), (PARTNERS, True),
        ]  # fmt: skip
        assert {app["environment"] for app in listed} == {environment}


def assert_it_works(described: dict[str, Any]) -> None:
    """The passwords sign in, and each JWT exchanges as its status says."""
    for user in (described["users"][0], described["users"][-1]):
        assert authenticate(email=user["email"], password=user["password"]) is not None
    own = {
        (app["organization"], app["environment"]): app
        for app in described["apps"]
        if not app["public"]
    }
    organizations = {user["email"]: user["organization"] for user in described["users"]}
    answers = {"active": None, "expired": "JWT-103", "revoked": "JWT-102"}
    for credential in described["credentials"]:
        app = own[organizations[credential["owner"]], credential["environment"]]
        listed = [app for app in described["apps"] if app["client_id"] in credential["client_ids"]]
        app = listed[0] if listed else app
        response = api.post(
            {"grant_type": api.GRANT_TYPE, "assertion": credential["jwt"]},
            api.basic(app["client_id"], app["client_secret"]),
            environment=Environment(credential["environment"]),
        )
        code = None if response.status_code == 200 else response.json()["errors"][0]["errorCode"]
        assert code == answers[credential["status"]], credential["label"]


def assert_it_looks_lived_in() -> None:
    assert AccessRequest.objects.get().user.email == "wedge@rebels.example"
    days = ExchangeUsage.objects.values("day").distinct().count()
    assert days >= 28
    kinds = set(AuditEvent.objects.values_list("kind", flat=True))
    assert kinds >= {
        AuditKind.ORGANIZATION_CREATED,
        AuditKind.MEMBERSHIP_CREATED,
        AuditKind.EXTENSION_CREATED,
        AuditKind.PLATFORM_ACCOUNT_UPDATED,
        AuditKind.APPLICATION_REGISTERED,
        AuditKind.CLIENT_ISSUED,
        AuditKind.JWT_CREDENTIAL_CREATED,
        AuditKind.JWT_CREDENTIAL_REVOKED,
        AuditKind.ACCESS_REQUESTED,
    }
    codes = set(Refusal.objects.values_list("code", flat=True))
    assert codes == {
        "JWT-102", "JWT-103", "JWT-105", "OAU-146", "OAU-210", "CMN-401", "CMN-408",
    }  # fmt: skip
    assert not Refusal.objects.too_old().exists()
    for credential in JwtCredential.objects.all():
        created = AuditEvent.objects.get(
            kind=AuditKind.JWT_CREDENTIAL_CREATED, target_id=str(credential.pk)
        )
        assert int(created.at.timestamp()) == int(credential.issued_at.timestamp())


def test_demo_client_secrets_depend_on_the_secret_key(settings: Settings) -> None:
    first = client_secret("Fleet Directory", api.SANDBOX)
    assert client_secret("Fleet Directory", api.SANDBOX) == first
    assert client_secret("Fleet Directory", api.PRODUCTION) != first
    settings.SECRET_KEY = "another" * 10
    assert client_secret("Fleet Directory", api.SANDBOX) != first


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--if-empty"]])
def test_seed_demo_is_refused_outside_a_demo(
    db: None, settings: Settings, arguments: list[str]
) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="public passwords"):
        seed(*arguments)
    assert not Organization.objects.exists()


def test_seed_demo_can_be_forced_on_this_machine_only(db: None, settings: Settings) -> None:
    settings.DEMO = False
    settings.ORIGIN = "https://developers.example.com"
    with pytest.raises(CommandError, match="public passwords"):
        seed("--force")
    assert not Organization.objects.exists()
    settings.ORIGIN = "https://localhost:8443"
    seed("--force")
    assert Organization.objects.exists()


def test_the_demo_has_the_password_of_the_settings(db: None, settings: Settings) -> None:
    settings.DEMO_PASSWORD = "another demo Passw0rd"
    out = seed()
    assert User.objects.get(email="luke@rebels.example").check_password("another demo Passw0rd")
    assert "Password for all: another demo Passw0rd" in out
    for email, *_ in USERS:
        assert email in out
    assert "http://localhost:8000" in out


def test_seed_demo_if_empty_leaves_a_used_database_unchanged(db: None) -> None:
    Organization.objects.create(name="A real organization")
    assert seed("--if-empty") == ""
    with pytest.raises(CommandError, match="the demo wasn't loaded"):
        seed("--if-empty", "--json")
    assert not User.objects.exists()


@pytest.mark.parametrize(("code", "end"), [("JWT-102", "revoked_at"), ("JWT-103", "expires_at")])
def test_demo_credentials_are_refused_only_after_they_ended(db: None, code: str, end: str) -> None:
    seed()
    refusals = Refusal.objects.filter(code=code).select_related("credential")
    assert refusals
    assert all(refusal.at > getattr(refusal.credential, end) for refusal in refusals)
