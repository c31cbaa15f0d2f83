import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests import cast
from tests.conftest import Rebels
from tests.house.sources import ROOT
from tests.platforms import EXTENDED, ORDERS, UsePlatform, write_platform
from tests.plugins.environment import ENVIRONMENT
from tests.stages import production_environment

OFFERED = """
Platform
  Acme

App scopes
  orders:write: Change orders (includes orders:read)
  orders:read: Read orders

User permissions
  ViewOrders: View orders
  IssueRefunds: Issue refunds

User roles
  support: Support. ViewOrders
  finance: Finance. For the back office. ViewOrders, IssueRefunds

APIs
  orders: Orders API 2.4, 2 operations
    GET /orders: orders:read, ViewOrders, Light
    POST /orders/{id}/refunds: orders:write, IssueRefunds, Medium

"""
NOTHING_LOST = "Would be lost\n  none\n"
# Each kind of mistake: what is written instead of what, and how the message begins.
MISTAKES = [
    ('name = "Acme"', 'name = "Acme', "acme.toml: the file isn't TOML: "),
    ('name = "Acme"', 'title = "Acme"', "acme.toml: name: is missing\nacme.toml: title: isn't a"),
    ('id = "orders:read"', 'id = "orders:write"', 'acme.toml: scopes[2].id: "orders:write" is'),
    (
        'label = "Read orders"',
        'label = "Read orders"\nincludes = ["orders:write"]',
        "acme.toml: scopes[1].includes: the scopes include each other: "
        "orders:write → orders:read → orders:write",
    ),
    ("orders.json", "none.json", "none.json: the document can't be read (No such file"),
    ("orders.json", ".", ".: the document can't be read (Is a directory)"),
    ("orders.json", "acme.toml", "acme.toml: openapi: the document isn't OpenAPI 3.0 or 3.1"),
    (
        'id = "orders:read"',
        'id = "orders:list"',
        'acme.toml: scopes[1].includes: there is no scope "orders:read"\n'
        'orders.json: GET /orders: the platform file has no scope "orders:read"',
    ),
    (
        'permissions = ["ViewOrders"]',
        'permissions = ["ViewOrder"]',
        'acme.toml: roles[1].permissions: there is no permission "ViewOrder"',
    ),
]


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    call_command("check_platform", path)
    return capsys.readouterr().out


@pytest.mark.django_db
def test_it_lists_what_a_file_offers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(write_platform(tmp_path, ORDERS), capsys)
    assert found == OFFERED + NOTHING_LOST


@pytest.mark.django_db
def test_without_a_file_it_checks_the_current_platform(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("check_platform")
    found = capsys.readouterr().out
    assert "Accounts: Accounts (includes EditAccounts)" in found
    assert "standard_user: Standard User. ReadCompanyInfo, ReadExtensions, EditUserInfo (own)" in (
        found
    )
    assert "APIs\n  The built-in REST API\n" in found
    assert found.endswith(NOTHING_LOST)


@pytest.mark.both_databases
def test_it_lists_what_apps_and_people_would_lose(
    rebels: Rebels, use_platform: UsePlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use_platform(EXTENDED)
    for member, role in ((rebels.luke, "finance"), (rebels.han, "gone")):
        member.user.extensions.update(user_role=role)
    cast.application(rebels.luke, "Falcon Dialer", scopes=["EditAccounts"])
    cast.application(rebels.luke, "Reader", scopes=["ReadAccounts"])
    without = EXTENDED.replace('includes = ["ReadAccounts", "EditExtensions"]', "")
    without = without.replace('["IssueRefunds", "EditUserInfo:own"]', '["EditUserInfo:own"]')
    without = without.replace('"ReadExtensions", "EditUserInfo:own"]', '"ReadExtensions"]')
    found = check(write_platform(tmp_path, without), capsys)
    people = ["c3po", "lando", "wedge"]
    assert found.partition("Would be lost\n")[2].splitlines() == [
        "  App Falcon Dialer of Rebel Alliance: EditExtensions, ReadAccounts",
        "  Role finance: IssueRefunds",
        "    luke@rebels.example, extension 103 (production)",
        "    luke@rebels.example, extension 103 (sandbox)",
        "  Role gone (no longer offered): nothing",
        "    han@rebels.example, extension 102 (production)",
        "    han@rebels.example, extension 102 (sandbox)",
        "  Role standard_user: EditUserInfo:own",
        *(
            f"    {name}@rebels.example, extension {number} (production)"
            for name, number in zip(people, (105, 104, 106), strict=True)
        ),
    ]


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**inherited, **production_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_mistakes_are_printed_with_exit_code_1(
    right: str, wrong: str, message: str, tmp_path: Path
) -> None:
    path = write_platform(tmp_path, ORDERS.replace(right, wrong, 1))
    with pytest.raises(SystemExit) as stopped:
        call_command("check_platform", path)
    # A text is printed, and the exit code is 1.
    assert str(stopped.value.code).startswith(message)


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=re.escape("none.toml: the file can't be read (No such")):
        call_command("check_platform", tmp_path / "none.toml")


@pytest.mark.parametrize(
    "start",
    [
        ["manage.py", "check_platform"],
        ["manage.py", "tick"],
        ["manage.py", "migrate"],
        ["-c", "import console.wsgi"],
    ],
)
def test_no_start_succeeds_with_a_wrong_file(start: list[str], tmp_path: Path) -> None:
    wrong = ORDERS.replace('["ViewOrders"]', '["ViewOrder"]').replace("orders.json", "none.json")
    path = write_platform(tmp_path, wrong)
    done = started(*start, PLATFORM_FILE=str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "The console can't start with these settings:\n"
        "  - PLATFORM_FILE names a file with mistakes. Fix them:\n"
        '    acme.toml: roles[1].permissions: there is no permission "ViewOrder"\n'
        "    none.json: the document can't be read (No such file or directory)\n"
        "See docs/reference/settings.md.\n"
    )


def test_without_a_database_it_lists_what_the_file_offers(tmp_path: Path) -> None:
    path = write_platform(tmp_path, ORDERS)
    database = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    done = started("manage.py", "check_platform", str(path), DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(OFFERED)
    assert "Not compared with the database: no such table" in done.stdout
