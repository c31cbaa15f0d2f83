import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind
from tests.conftest import Rebels, SignIn

pytestmark = pytest.mark.both_databases

URL = "/console/my-profile"


def test_profile_says_who_one_is(rebels: Rebels, sign_in: SignIn) -> None:
    page = sign_in(rebels.leia).get(URL).content.decode()
    for text in (
        "leia@rebels.example",
        "Rebel Alliance",
        "Developer Admin",
        "for everyone in your organization",
        "You decide who has console access",
        "Super Admin",
        reverse("account_email"),
    ):
        assert text in page
    for extension in rebels.leia.user.extensions.all():
        assert str(extension.pk) in page


def test_name_is_changed_and_recorded(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.luke)
    response = browser.post(URL, {"first_name": " Luke ", "last_name": "Skywalker"}, follow=True)
    assert "We saved your name." in response.content.decode()
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.name == "Luke Skywalker"
    event = AuditEvent.objects.get(kind=AuditKind.USER_UPDATED)
    assert event.actor == rebels.luke.user
    assert event.organization == rebels.organization
    assert event.details == {"changes": {"last_name": ["Example", "Skywalker"]}}
    assert event.ip == "127.0.0.1"


def test_saving_the_same_name_records_nothing(rebels: Rebels, sign_in: SignIn) -> None:
    sign_in(rebels.luke).post(URL, {"first_name": "Luke", "last_name": "Example"})
    assert not AuditEvent.objects.filter(kind=AuditKind.USER_UPDATED).exists()


@pytest.mark.parametrize("first_name", ["", "   ", "x" * 81, "a\x00b"])
def test_impossible_name_is_refused_beside_the_field(
    first_name: str, rebels: Rebels, sign_in: SignIn
) -> None:
    response = sign_in(rebels.luke).post(URL, {"first_name": first_name, "last_name": "Farmboy"})
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {"first_name"}
    assert 'value="Farmboy"' in response.content.decode()
    rebels.luke.user.refresh_from_db()
    assert rebels.luke.user.first_name == "Luke"


def test_profile_without_console_access(rebels: Rebels, sign_in: SignIn) -> None:
    page = sign_in(rebels.wedge).get(URL).content.decode()
    assert "No access" in page
    assert reverse("accounts:sandbox_account") not in page


@pytest.mark.django_db
def test_profile_of_an_operator(client: Client) -> None:
    operator = get_user_model().objects.create(email="op@example.com", first_name="Op")
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    response = client.get(URL)
    assert response.status_code == 200
    assert "Your platform logins" not in response.content.decode()
    assert client.post(URL, {"first_name": "Opal"}).status_code == 302
    assert AuditEvent.objects.get(kind=AuditKind.USER_UPDATED).organization is None
