"""`seed_load` leaves the same rows as the actions would."""

import io
import re

import pytest
from django.contrib.auth import authenticate
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Extension, Membership, Organization, User
from credentials.actions.jwt_credentials import create_jwt_credential
from credentials.models import (
    AddressUse,
    AppAccess,
    Application,
    CallUsage,
    Client,
    ExchangeUsage,
    JwtCredential,
    PermittedClient,
    Refusal,
)
from credentials.models.refusals import KEPT, OFTEN, OFTEN_WITHIN
from tests import api, cast
from tests.platforms import ORDERS, UsePlatform
from tests.platforms import SMALL as SMALL_PLATFORM

pytestmark = pytest.mark.both_databases

SMALL = {
    "people": 40, "credentials": 120, "events": 900, "apps": 12, "requests": 9, "invitations": 6,
    "usage_days": 5, "refusals": 200,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _demo(settings: Settings) -> None:
    settings.DEMO = True


def seed(**options: object) -> str:
    out = io.StringIO()
    call_command("seed_load", **(SMALL | options), stdout=out)
    return out.getvalue()


def test_seed_load_makes_the_requested_rows_and_reports_them(db: None) -> None:
    said = seed()
    organization = Organization.objects.get(name="Load Test")
    assert organization.memberships.count() == 40
    assert organization.jwt_credentials.count() == 120
    assert organization.applications.count() == 12
    assert organization.access_requests.count() == 9
    assert organization.access_requests.pending().count() == 3
    assert organization.invitations.count() == 6
    assert organization.audit_events.count() == 900
    for environment in Environment:
        account = organization.platform_accounts.get(environment=environment)
        assert account.extensions.count() > 20
        assert Client.objects.filter(environment=environment).count() == 12
    for model in (ExchangeUsage, CallUsage, AddressUse):
        assert model._default_manager.exists()
    assert PermittedClient.objects.exists()
    assert re.search(r"^ +120 credentials$", said, re.MULTILINE)
    assert re.search(r"^ +900 audit events$", said, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d seconds$", said, re.MULTILINE)
    assert mail.outbox == []


def test_seed_load_works_with_any_platform(db: None, use_platform: UsePlatform) -> None:
    use_platform(ORDERS)
    seed(credentials=600)
    scopes = {scope for app in Application.objects.all() for scope in app.scopes}
    roles = set(Extension.objects.values_list("user_role", flat=True))
    assert (scopes, roles) == ({"orders:read", "orders:write"}, {"support", "finance"})
    told = set(Refusal.objects.values_list("what", "path", "api", "operation"))
    assert told == {
        ("gateway", "/orders", "orders", "listOrders"),
        ("gateway", "/orders/{id}/refunds", "orders", "refundOrder"),
        ("exchange", "/restapi/oauth/token", "", ""),
    }
    assert set(CallUsage.objects.values_list("api", "operation")) == {
        ("orders", "listOrders"),
        ("orders", "refundOrder"),
    }


def test_seed_load_works_without_an_api(db: None, use_platform: UsePlatform) -> None:
    use_platform(SMALL_PLATFORM)
    seed(credentials=600)
    assert not CallUsage.objects.exists()
    assert set(Refusal.objects.values_list("what", "path")) == {
        ("exchange", "/restapi/oauth/token"),
        ("verify", "/restapi/oauth/verify"),
    }


def test_only_two_people_of_seed_load_can_sign_in(db: None, settings: Settings) -> None:
    said = seed()
    for email, role, is_admin in (
        ("admin@load-test.example", "developer_admin", True),
        ("developer@load-test.example", "developer", False),
    ):
        assert email in said
        user = authenticate(None, email=email, password=settings.DEMO_PASSWORD)
        assert isinstance(user, User)
        assert (user.membership.role, user.membership.is_account_admin) == (role, is_admin)
    others = User.objects.exclude(last_name="Load")
    assert not any(user.has_usable_password() for user in others)


def test_credentials_of_seed_load_can_be_exchanged(db: None) -> None:
    """The printed app can exchange every active one, and call the API with the token."""
    said = seed()
    found = re.search(r"An app in production: (\S+) (\S+)", said)
    assert found
    client = Client.objects.select_related("application").get(client_id=found[1])
    app = api.App(client.application, client, found[2])
    active = JwtCredential.objects.active(timezone.now()).filter(
        extension__account__environment=Environment.PRODUCTION,
        extension__user__is_active=True,
        extension__status="Enabled",
        app_access=AppAccess.ORGANIZATION,
    )
    assert active.count() > 5
    for credential in active.select_related("extension__account", "signing_key"):
        response = api.exchange(app, credential.encode(), environment=Environment.PRODUCTION)
        assert response.status_code == 200, response.json()


def test_rows_of_seed_load_match_those_of_the_actions(db: None) -> None:
    """Filled and empty where a credential made on the page is; its event has the same details."""
    seed()
    owner = Membership.objects.select_related("user", "organization").get(
        user__email="developer@load-test.example"
    )
    made = create_jwt_credential(
        owner,
        environment=Environment.SANDBOX,
        label="By hand",
        app_access=AppAccess.ORGANIZATION,
        client_ids=[],
        expires_on=None,
        actor=owner.user,
        origin=cast.ORIGIN,
    )
    loaded = JwtCredential.objects.filter(
        extension=made.extension, expires_at=made.expires_at, revoked_at=None,
        app_access=AppAccess.ORGANIZATION, created_by=owner.user,
    ).exclude(pk=made.pk).first()  # fmt: skip
    assert loaded
    loaded.full_clean()
    chance = {"id", "label", "label_key", "issued_at", "last_used_on", "submission_key"}
    for field in JwtCredential._meta.concrete_fields:
        if field.name not in chance:
            assert getattr(loaded, field.attname) == getattr(made, field.attname), field.name
    by_hand, by_load = (
        AuditEvent.objects.get(kind=AuditKind.JWT_CREDENTIAL_CREATED, target_id=str(each.pk))
        for each in (made, loaded)
    )
    assert by_load.details.keys() == by_hand.details.keys()
    assert by_load.target_type == by_hand.target_type


def test_seed_load_makes_only_valid_rows(db: None) -> None:
    seed()
    for model in (Membership, Extension, Application, Client, JwtCredential):
        for row in model._default_manager.all():
            row.full_clean()
    assert not Extension.objects.exclude(account_environment=F("account__environment")).exists()
    for revoked in JwtCredential.objects.filter(revoked_at__isnull=False):
        assert revoked.revoked_at
        assert revoked.issued_at <= revoked.revoked_at <= timezone.now()


def test_usage_of_seed_load_matches_that_of_the_counters(db: None) -> None:
    seed(usage_apps=3, usage_days=60)
    for model in (ExchangeUsage, CallUsage):
        rows = model._default_manager.select_related("credential")
        assert rows.values("credential").distinct().count() < rows.count()
        for row in rows:
            assert row.last_at.date() == row.day
            assert row.credential.issued_at <= row.last_at
            assert row.day <= row.credential.last_used_on
    pairs = set(ExchangeUsage.objects.values_list("credential", "client"))
    assert set(CallUsage.objects.values_list("credential", "client")) == pairs
    assert set(AddressUse.objects.values_list("credential", "client")) == pairs


def test_refusals_of_seed_load_match_those_of_the_apis(db: None) -> None:
    said = seed()
    assert re.search(r"^ +200 refusals$", said, re.MULTILINE)
    rows = list(Refusal.objects.select_related("client", "credential").order_by("id"))
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    assert len({row.request_id for row in rows}) == 200
    for row in rows:
        row.clean_fields(exclude=["client", "credential"])
        assert timezone.now() - KEPT < row.at < timezone.now()
        assert row.client
        assert row.presented_client_id == row.client.client_id
        assert row.is_authentic == (row.reason != "wrong_secret") == (row.credential is not None)
        assert row.failed_check
        if row.credential:
            assert row.credential.issued_at < row.at
        if row.code == "JWT-102":
            assert row.credential
            assert row.credential.revoked_at
            assert row.credential.revoked_at <= row.at
    often = JwtCredential.objects.filter(refused_often_until__gt=timezone.now())
    lately = Refusal.objects.filter(at__gt=timezone.now() - OFTEN_WITHIN)
    assert often.exists()
    for credential in often:
        assert lately.filter(credential=credential).count() >= OFTEN


def test_loaded_events_are_in_chronological_order(db: None) -> None:
    """The events of the actions come first."""
    seed()
    loaded = AuditEvent.objects.exclude(user_agent__startswith="manage.py").exclude(
        user_agent="first use"
    )
    times = list(loaded.order_by("id").values_list("at", flat=True))
    assert times == sorted(times)
    assert {event.kind for event in loaded} > {
        AuditKind.ACCESS_REQUESTED,
        AuditKind.CLIENT_ISSUED,
        AuditKind.INVITATION_CREATED,
        AuditKind.JWT_CREDENTIAL_REVOKED,
        AuditKind.MEMBERSHIP_CREATED,
    }


def test_audit_events_of_seed_load_are_append_only(db: None) -> None:
    seed()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {AuditEvent._meta.db_table}")  # noqa: S608 - our table


def test_the_same_seed_gives_the_same_organization(db: None) -> None:
    def names() -> list[str]:
        people = User.objects.filter(last_name__in=["Silva", "Novak", "Khan", "Rossi"])
        return sorted(f"{user.first_name} {user.last_name}" for user in people)

    def made(**options: object) -> list[str]:
        with transaction.atomic():
            seed(people=100, **options)
            found = names()
            transaction.set_rollback(True)
        return found

    assert made() == made()
    assert made() != made(seed=2)


def test_seed_load_can_make_two_organizations(db: None) -> None:
    seed()
    seed(organization="Other Load")
    assert JwtCredential.objects.count() == 240


@pytest.mark.parametrize("name", ["Load Test", "LOAD TEST"])
def test_seed_load_leaves_an_existing_organization_alone(db: None, name: str) -> None:
    seed()
    before = AuditEvent.objects.count()
    with pytest.raises(CommandError, match=f"The organization {name} already exists"):
        seed(organization=name)
    assert AuditEvent.objects.count() == before


def test_seed_load_runs_only_in_a_demo(db: None, settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO=1"):
        seed()
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    ("option", "count", "least"), [("people", 1, 2), ("apps", 0, 1), ("events", -1, 0)]
)
def test_seed_load_refuses_sizes_that_are_too_small(
    db: None, option: str, count: int, least: int
) -> None:
    with pytest.raises(CommandError, match=f"--{option} must be at least {least}"):
        seed(**{option: count})
