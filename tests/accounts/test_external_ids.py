"""Identifiers that the API company gives people and accounts: who sets, sees and shares them."""

import importlib
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.actions.external_ids import Holder, set_external_id
from accounts.actions.organizations import create_organization
from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind, Extension, Membership, PlatformAccount
from tests import cast
from tests.conftest import Partners, Rebels, SignIn
from tests.races import at_once, shared_database

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
KINDS = (AuditKind.EXTENSION_IDENTIFIED, AuditKind.PLATFORM_ACCOUNT_IDENTIFIED)


def login(person: Membership, environment: Environment = SANDBOX) -> Extension:
    return Extension.objects.in_environment(environment).get(user=person.user)


def account(person: Membership, environment: Environment = SANDBOX) -> PlatformAccount:
    return person.organization.platform_accounts.get(environment=environment)


def external_id(holder: Holder) -> str:
    holder.refresh_from_db()
    return holder.external_id


def run(*arguments: object) -> str:
    output = StringIO()
    call_command("set_external_id", *map(str, arguments), stdout=output)
    return output.getvalue()


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    return str(refused.value)


def test_the_command_names_a_person_by_email_or_extension(rebels: Rebels) -> None:
    luke = login(rebels.luke)
    said = run("sandbox", "--email", " Luke@Rebels.example ", "--value", "user-4711")
    assert said == f"{luke} has the external ID user-4711.\n"
    assert external_id(luke) == "user-4711"
    assert external_id(login(rebels.luke, PRODUCTION)) == ""
    run("sandbox", "--extension", luke.pk, '--value=-odd, but "fine"')
    assert external_id(luke) == '-odd, but "fine"'
    assert run("sandbox", "--extension", luke.pk, "--clear") == f"{luke} has no external ID.\n"
    assert external_id(luke) == ""


def test_the_command_names_an_account_by_organization_or_id(rebels: Rebels) -> None:
    rebel = account(rebels.luke, PRODUCTION)
    said = run("production", "--organization", "Rebel Alliance", "--value", "customer-42")
    assert said == "Rebel Alliance (production) has the external ID customer-42.\n"
    assert external_id(rebel) == "customer-42"
    assert external_id(account(rebels.luke)) == ""
    run("production", "--organization", rebels.organization.pk, "--value", "customer-43")
    assert external_id(rebel) == "customer-43"
    run("production", "--account", rebel.pk, "--value", "x" * 255)
    assert external_id(rebel) == "x" * 255
    assert "no external ID" in run("production", "--organization", "Rebel Alliance", "--clear")
    assert external_id(rebel) == ""


def test_every_change_is_in_the_audit_log(rebels: Rebels, sign_in: SignIn) -> None:
    luke, rebel = login(rebels.luke), account(rebels.luke)
    for value in ("user-4711", "user-4711", "user-4712"):
        run("sandbox", "--extension", luke.pk, "--value", value)
    run("sandbox", "--account", rebel.pk, "--value", "customer-42")
    for _again in range(2):
        run("sandbox", "--account", rebel.pk, "--clear")
    events = AuditEvent.objects.filter(kind__in=KINDS).order_by("pk")
    assert [
        (event.kind, event.target_id, event.details["changes"]["external_id"]) for event in events
    ] == [
        ("extension.identified", str(luke.pk), ["", "user-4711"]),
        ("extension.identified", str(luke.pk), ["user-4711", "user-4712"]),
        ("platform_account.identified", str(rebel.pk), ["", "customer-42"]),
        ("platform_account.identified", str(rebel.pk), ["customer-42", ""]),
    ]
    first = events[0]
    assert first.document | {"id": 0, "at": ""} == {
        "id": 0,
        "at": "",
        "kind": "extension.identified",
        "organization": str(rebels.organization.pk),
        "actor": None,
        "actor_label": "Operator",
        "target_type": "extension",
        "target_id": str(luke.pk),
        "target_label": str(luke),
        "details": {"environment": "sandbox", "changes": {"external_id": ["", "user-4711"]}},
        "ip": None,
        "user_agent": "manage.py set_external_id",
        "request_id": "",
    }
    log = sign_in(rebels.leia).get("/console/organization/audit").content.decode()
    assert "changed the external ID of the login" in log
    assert "changed the external ID of the account" in log
    assert "External ID: user-4711 → user-4712" in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["moon", "--email", "luke@rebels.example", "--value", "x"], "invalid choice: 'moon'"),
        (["sandbox", "--value", "x"], "one of the arguments --email --extension"),
        (["sandbox", "--email", "luke@rebels.example"], "one of the arguments --value --clear"),
        (
            ["sandbox", "--email", "luke@rebels.example", "--value", "x", "--clear"],
            "not allowed with argument --value",
        ),
        (
            ["sandbox", "--email", "luke@rebels.example", "--account", "1", "--value", "x"],
            "not allowed with argument --email",
        ),
        (["sandbox", "--email", "luke@rebels.example", "--value", ""], "To remove it, use --clear"),
        (["sandbox", "--email", "x@rebels.example", "--value", "x"], "has a sandbox account"),
        (["sandbox", "--email", "lando@rebels.example", "--value", "x"], "has a sandbox account"),
        (["sandbox", "--extension", "101", "--value", "x"], "No sandbox extension has this ID."),
        (["production", "--extension", "9" * 40, "--clear"], "No production extension has this ID"),
        (["sandbox", "--extension", "luke", "--value", "x"], "invalid int value: 'luke'"),
        (["sandbox", "--account", "101", "--value", "x"], "No sandbox account has this ID."),
        (["sandbox", "--organization", "Empire", "--clear"], "No organization has this name or ID"),
        (["sandbox", "--organization", "Twins", "--clear"], "2 organizations have this name."),
    ],
)
def test_the_command_refuses(arguments: list[str], message: str, rebels: Rebels) -> None:
    for _twin in range(2):
        create_organization("Twins", actor=None, origin=cast.ORIGIN)
    assert message in refusal(*arguments)
    assert not AuditEvent.objects.filter(kind__in=KINDS).exists()


def test_an_id_of_the_other_environment_is_not_found(rebels: Rebels) -> None:
    here = login(rebels.luke), account(rebels.luke)
    assert "No production extension" in refusal("production", "--extension", here[0].pk, "--clear")
    assert "No production account" in refusal("production", "--account", here[1].pk, "--clear")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 256, "at most 255 characters"),
        (" x", "no space at either end"),
        ("x ", "no space at either end"),
        (" ", "no space at either end"),
        ("a\nb", "only printable ASCII"),
        ("a\x00b", "only printable ASCII"),
        ("user\n", "only printable ASCII"),
        ("Müller", "only printable ASCII"),
        ("a\x7f", "only printable ASCII"),
    ],
)
def test_a_header_must_be_able_to_carry_it(value: str, message: str, rebels: Rebels) -> None:
    assert message in refusal("sandbox", "--email", "luke@rebels.example", "--value", value)
    assert external_id(login(rebels.luke)) == ""


@pytest.mark.both_databases
def test_one_environment_has_it_once(rebels: Rebels, partners: Partners) -> None:
    luke, lobot = login(rebels.luke), login(partners.lobot)
    run("sandbox", "--extension", luke.pk, "--value", "same")
    assert refusal("sandbox", "--extension", lobot.pk, "--value", "same") == (
        f"{luke} already has the external ID same."
    )
    run("sandbox", "--organization", "Rebel Alliance", "--value", "same")
    assert refusal("sandbox", "--organization", "Cloud City Partners", "--value", "same") == (
        "Rebel Alliance (sandbox) already has the external ID same."
    )
    assert external_id(lobot) == external_id(account(partners.lobot)) == ""
    # Upper and lower case differ, and so do the environments.
    run("sandbox", "--extension", lobot.pk, "--value", "Same")
    run("production", "--email", "lobot@cloudcity.example", "--value", "same")
    run("production", "--organization", "Cloud City Partners", "--value", "same")
    run("sandbox", "--extension", luke.pk, "--clear")
    run("sandbox", "--extension", lobot.pk, "--value", "same")
    assert external_id(lobot) == "same"


@pytest.mark.both_databases
@pytest.mark.parametrize("model", [Extension, PlatformAccount])
def test_the_database_itself_refuses_a_second_one(
    model: type[Holder], rebels: Rebels, partners: Partners
) -> None:
    in_sandbox = {Extension: "account_environment", PlatformAccount: "environment"}[model]
    rows = model._default_manager.filter(**{in_sandbox: SANDBOX})
    assert rows.count() > 1
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(external_id="same")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", [login, account])
def test_one_of_two_at_the_same_moment_gets_it(
    of: Callable[[Membership], Holder],
    transactional_db: None,
    rebels: Rebels,
    partners: Partners,
    tmp_path: Path,
) -> None:
    holders = [of(rebels.luke), of(partners.lobot)]
    with shared_database(tmp_path):
        for turn in range(5):
            value = f"same-{turn}"
            answers = at_once(*(setting(holder, value) for holder in holders))
            [refused] = [answer for answer in answers if isinstance(answer, Exception)]
            [winner] = [answer for answer in answers if not isinstance(answer, Exception)]
            assert isinstance(refused, ValidationError)
            assert refused.messages == [f"{winner} already has the external ID {value}."]
            assert [external_id(holder) for holder in holders].count(value) == 1
        assert AuditEvent.objects.filter(kind__in=KINDS).count() == 5


def setting(holder: Holder, value: str) -> Callable[[], Holder]:
    return lambda: set_external_id(holder, value, origin=cast.ORIGIN)


@pytest.mark.both_databases
def test_an_extension_copies_the_environment_of_its_account(rebels: Rebels) -> None:
    migration = importlib.import_module("accounts.migrations.0011_external_ids")
    found = Extension.objects.filter(account__organization=rebels.organization)
    pairs = found.values_list("account__environment", "account_environment")
    assert set(pairs) == {("sandbox", "sandbox"), ("production", "production")}
    # As before the migration, except that the constraint already refuses an empty text.
    found.update(account_environment=SANDBOX)
    migration.copy_environments(apps, None)
    assert set(pairs.all()) == {("sandbox", "sandbox"), ("production", "production")}


LOGINS = "/console/organization/extensions"
ACCOUNT = "/console/sandbox"


def test_account_administrators_see_them(rebels: Rebels, sign_in: SignIn) -> None:
    luke = login(rebels.luke)
    page_of_luke = reverse("accounts:change_extension", args=[luke.pk])
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    for url in (page_of_luke, f"{LOGINS}?environment=sandbox", ACCOUNT):
        assert '<span class="muted">None</span>' in browser.get(url).content.decode()
    set_external_id(luke, "user-4711", origin=cast.ORIGIN)
    set_external_id(account(rebels.luke), "customer-42", origin=cast.ORIGIN)
    assert "<code>user-4711</code>" in browser.get(page_of_luke).content.decode()
    for url in (f"{LOGINS}?environment=sandbox", ACCOUNT):
        assert "<code>customer-42</code>" in browser.get(url).content.decode()
    assert "customer-42" not in browser.get(LOGINS).content.decode()


@pytest.mark.parametrize("who", ["luke", "han", "c3po", "wedge", "lobot"])
def test_others_do_not_see_them(
    who: str, rebels: Rebels, partners: Partners, sign_in: SignIn
) -> None:
    """Their own neither."""
    luke = login(rebels.luke)
    set_external_id(luke, "user-4711", origin=cast.ORIGIN)
    set_external_id(account(rebels.luke), "customer-42", origin=cast.ORIGIN)
    browser = sign_in(partners.lobot if who == "lobot" else getattr(rebels, who))
    cast.step_up(browser)
    pages = (
        LOGINS,
        f"{LOGINS}?environment=sandbox",
        reverse("accounts:change_extension", args=[luke.pk]),
        ACCOUNT,
        reverse("accounts:my_profile"),
        f"/console/organization/{rebels.luke.user_id}",
    )
    for url in pages:
        page = browser.get(url, follow=True).content.decode()
        assert "user-4711" not in page
        assert "customer-42" not in page
    assert (who == "lobot") is ("External ID" in browser.get(ACCOUNT).content.decode())


def test_no_form_changes_them(rebels: Rebels, sign_in: SignIn) -> None:
    luke = login(rebels.luke)
    set_external_id(luke, "user-4711", origin=cast.ORIGIN)
    browser = sign_in(rebels.leia)
    cast.step_up(browser)
    url = reverse("accounts:change_extension", args=[luke.pk])
    posted = {"user_role": "read_only", "status": "Enabled", "external_id": "root"}
    assert browser.post(url, posted).status_code == 302
    assert external_id(luke) == "user-4711"
    assert luke.user_role == "read_only"
