"""docs/reference/input.md has the lengths and the limits that the code has."""

import re
from typing import Any

from allauth.account import app_settings as allauth_settings
from django.conf import settings
from django.db import models

from accounts import limits
from accounts.forms.factors import RenameKeyForm
from accounts.models import (
    AccessRequest,
    Extension,
    Organization,
    PlatformAccount,
    User,
)
from accounts.views.factors import KEY_SIGN_INS
from console.reference.try_it import SECONDS
from core.downloads import DOWNLOADS_AT_ONCE
from core.networks import MAX_NETWORKS
from core.outgoing import CALLS_AT_ONCE
from core.pagination import PAGE_SIZE
from credentials import jose
from credentials.actions.clients import CLIENT_ID_LENGTH
from credentials.actions.permitted_apps import MAX_PERMITTED_CLIENTS
from credentials.actions.revocations import MAX_REVOKED_AT_ONCE
from credentials.models import Application, JwtCredential
from credentials.oauth.leaked import MAX_REPORTED
from credentials.oauth.refusal_log import ANONYMOUS_IN_ALL, ANONYMOUS_PER_ADDRESS
from tests.house.test_docs import sections, text_of

PAGE = "docs/reference/input.md"
# The default of both settings.
PER_PERSON = f"10 in a minute, {10 * limits.IN_A_DAY} in a day"

FIELDS: dict[str, tuple[type[models.Model], tuple[str, ...]]] = {
    "App name": (Application, ("name",)),
    "App description": (Application, ("description",)),
    "Credential label": (JwtCredential, ("label",)),
    "Reason of a revocation": (JwtCredential, ("revoked_reason",)),
    "Reason of an access request": (AccessRequest, ("reason",)),
    "First name, last name": (User, ("first_name", "last_name")),
    "Organization name": (Organization, ("name",)),
    "Email address": (User, ("email",)),
    "External ID": (Extension, ("external_id",)),
    "Street": (PlatformAccount, ("street",)),
    "Country, state, city": (PlatformAccount, ("country", "state", "city")),
    "ZIP code": (PlatformAccount, ("zip",)),
    "Main site name": (PlatformAccount, ("main_site_name",)),
}


def part(heading: str) -> str:
    return sections(text_of(PAGE), 2)[heading]


def test_the_lengths_of_values_are_those_of_their_columns() -> None:
    documented = {
        name: int(length)
        for name, length in re.findall(r"^\| ([^|]+) \| (\d+) \|", part("Values"), re.MULTILINE)
    }
    key_name = RenameKeyForm.base_fields["name"].max_length
    assert documented.pop("Name of a key") == key_name
    assert documented.keys() == FIELDS.keys()
    for name, (model, columns) in FIELDS.items():
        lengths = {model._meta.get_field(column).max_length for column in columns}  # type: ignore[union-attr]
        assert lengths == {documented[name]}, name


def rows(heading: str) -> dict[tuple[str, str], str]:
    """The cells about how much, by those about what and for whom."""
    cells = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", part(heading), re.MULTILINE)
    return {(what, who): much for what, much, who in cells}


def test_the_limits_are_those_of_the_code() -> None:
    rates = {
        f"{name} {rate.rpartition('/')[2]}": rate.partition("/")[0]
        for name, all_rates in allauth_settings.RATE_LIMITS.items()
        for rate in (all_rates or "").split(",")
    }
    size = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024
    expected = {
        ("Failed client authentication", "a client ID and an address"): "60 in a minute",
        ("Reports of leaked JWTs", "an address"): "60 in a minute",
        (
            "Reports of browsers about the Content Security Policy",
            "an address",
        ): "60 in a minute",
        ("JWTs in a report", "a request"): str(MAX_REPORTED),
        ("Wrong passwords", "an account"): f"{rates['login_failed key']} in five minutes",
        ("Wrong passwords", "an address"): f"{rates['login_failed ip']} in a minute",
        ("Sign-ins, and passkey sign-ins", "an address"): f"{rates['login ip']} in a minute each",
        ("Password resets", "an address"): f"{rates['reset_password ip']} in a minute",
        ("Password resets", "an email address"): f"{rates['reset_password key']} in a minute",
        ("Step-up authentications", "a person"): f"{rates['reauthenticate user']} in a minute",
        ("Changes of email addresses", "a person"): f"{rates['manage_email user']} in a minute",
        ("Password changes", "a person"): f"{rates['change_password user']} in a minute",
        ("Invitations and reset links that a person sends", "a person"): PER_PERSON,
        (
            "New apps, client IDs, client secrets, JWT credentials, and rotations",
            "a person",
        ): PER_PERSON,
        ("Size of a body", "a request"): f"{size} kB",
        ("Fields of a form", "a request"): f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,}",
        ("Apps on the list of a credential", "a credential"): str(MAX_PERMITTED_CLIENTS),
        ("Networks", "a list"): str(MAX_NETWORKS),
        ("Credentials revoked together", "a form"): str(MAX_REVOKED_AT_ONCE),
        ("Rows on a page", "a list"): str(PAGE_SIZE),
        ("Exports at once", "a process, and one for each person"): str(DOWNLOADS_AT_ONCE),
        ("Calls of *Try it* at once", "a process"): str(CALLS_AT_ONCE),
        (
            "Refused requests without authentication that we record",
            "an address and a process",
        ): f"{ANONYMOUS_PER_ADDRESS} in a minute",
        (
            "Refused requests without authentication that we record",
            "a process",
        ): f"{ANONYMOUS_IN_ALL} in a minute",
        ("Open invitations", "an email address and an organization"): "1",
        ("Pending access requests", "a person"): "1",
        ("Open rotations", "a credential"): "1",
    }
    found = rows("Limits")
    assert {key: much for key, much in found.items() if key in expected} == expected
    assert {what for what, _who in found.keys() - expected.keys()} == {
        "limit", "---", "Requests at the Auth API, and calls"
    }  # fmt: skip
    assert {"login_by_key": f"{rates['login ip']}/m/ip"} == KEY_SIGN_INS


def test_other_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"| Client ID | {CLIENT_ID_LENGTH} letters and digits |" in part("Values")
    assert f"{jose.MAX_TOKEN_LENGTH:,} characters at most, `alg` {jose.ALGORITHM}" in part("Values")
    validators: list[dict[str, Any]] = settings.AUTH_PASSWORD_VALIDATORS  # type: ignore[assignment]
    options = [each.get("OPTIONS", {}) for each in validators]
    [length] = {each["min_length"] for each in options if "min_length" in each}
    assert f"| Password | {length} characters or more" in part("Values")
    assert f"As long as the API takes, up to {SECONDS:g} s" in part("What takes long")
    assert f"Up to {settings.EMAIL_TIMEOUT} s" in part("What takes long")
