from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEvent, AuditKind, Invitation, Organization, PlatformAccount
from tests.conftest import Rebels

PREFIX = "http://localhost:8000/invitations/"


def create(*arguments: str) -> str:
    output = StringIO()
    call_command("create_organization", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_command_prints_a_link_that_opens(client: Client) -> None:
    output = create("Hoth", "--admin", "Rieekan@hoth.example", "--main-number", "+15550100")
    first, second, link = output.splitlines()
    assert first == "Created Hoth for rieekan@hoth.example."
    assert "works once" in second
    assert link.startswith(f"{PREFIX}inv_")
    page = client.get(link.removeprefix("http://localhost:8000"), follow=True).content.decode()
    assert "Join Hoth" in page
    assert "Developer Admin, account administrator" in page
    accounts = PlatformAccount.objects.filter(organization__name="Hoth")
    assert {(account.environment, account.email, account.main_number) for account in accounts} == {
        ("sandbox", "rieekan@hoth.example", "+15550100"),
        ("production", "rieekan@hoth.example", "+15550100"),
    }
    assert link.removeprefix(PREFIX) not in str(Invitation.objects.values_list())
    assert link.removeprefix(PREFIX) not in str(AuditEvent.objects.values_list())
    assert list(AuditEvent.objects.order_by("id").values_list("kind", "actor_label")) == [
        (AuditKind.ORGANIZATION_CREATED, "Operator"),
        (AuditKind.INVITATION_CREATED, "Operator"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "--admin", "a@b.example"), "blank"),
        (("x" * 121, "--admin", "a@b.example"), "at most 120"),
        (("Hoth", "--admin", "nobody"), "valid email"),
        (("Hoth", "--admin", "leia@rebels.example"), "already in use"),
        (("Hoth", "--admin", "a@b.example", "--main-number", "1" * 21), "at most 20"),
    ],
)
def test_command_refuses(arguments: tuple[str, ...], message: str, rebels: Rebels) -> None:
    with pytest.raises(CommandError, match=message):
        create(*arguments)
    assert Organization.objects.get() == rebels.organization


def test_command_requires_an_administrator() -> None:
    with pytest.raises(CommandError, match="--admin"):
        create("Hoth")
