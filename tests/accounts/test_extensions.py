import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from accounts.actions.extensions import change_extension
from accounts.forms.extensions import ExtensionListForm
from accounts.models import AuditEvent, AuditKind, Extension, Membership
from accounts.models.extensions import ExtensionStatus
from tests import cast
from tests.conftest import Partners, Rebels, SignIn

URL = "/console/organization/extensions"


def login(membership: Membership, environment: str = "production") -> Extension:
    return Extension.objects.in_environment(environment).get(user=membership.user)


def people(browser: Client, **query: str) -> list[str]:
    response = browser.get(URL, query)
    assert response.status_code == 200
    return [extension.user.first_name for extension in response.context["page"].rows]


def test_list_by_environment(rebels: Rebels, partners: Partners, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    everyone = ["Leia", "Han", "Luke", "Lando", "C3po", "Wedge"]
    assert people(browser) == everyone
    assert people(browser, environment="production") == everyone
    assert people(browser, environment="sandbox") == ["Leia", "Han", "Luke"]


def test_the_list_is_searched_by_name_and_email(rebels: Rebels, sign_in: SignIn) -> None:
    browser = sign_in(rebels.leia)
    assert people(browser, q="lUk") == ["Luke"]
    assert people(browser, q="example han") == ["Han"]
    assert people(browser, q="lando@rebels") == ["Lando"]
    assert people(browser, q="lando", environment="sandbox") == []
    assert people(browser, q="100%") == []


@pytest.mark.parametrize(
    "query",
    [
        {"environment": "moon"},
        {"q": "x" * 101},
        {"after": "abc"},
        {"after": "9" * 40},
        {"before": "-1"},
    ],
)
def test_nonsense_in_the_query_is_ignored(
    query: dict[str, str], rebels: Rebels, sign_in: SignIn
) -> None:
    assert len(people(sign_in(rebels.leia), **query)) == 6


def test_a_long_list_has_pages(
    rebels: Rebels, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExtensionListForm, "page_size", 4)
    browser = sign_in(rebels.leia)
    first = browser.get(URL, {"q": "example"}).context["page"]
    assert [row.extension_number for row in first.rows] == [101, 102, 103, 104]
    assert not first.previous_url
    second = browser.get(URL + first.next_url).context["page"]
    assert [row.extension_number for row in second.rows] == [105, 106]
    assert not second.next_url
    back = browser.get(URL + second.previous_url).context["page"]
    assert [row.extension_number for row in back.rows] == [101, 102, 103, 104]
    assert not back.previous_url
    assert back.next_url == first.next_url


def test_an_administrator_changes_a_login(rebels: Rebels, sign_in: SignIn) -> None:
    extension = login(rebels.luke)
    url = reverse("accounts:change_extension", args=[extension.pk])
    browser = cast.step_up(sign_in(rebels.leia))
    page = browser.get(url).content.decode()
    assert "ReadCompanyInfo, ReadExtensions, EditUserInfo (own)" in page
    assert "stop working on their next" in page
    response = browser.post(url, {"user_role": "super_admin", "status": "Disabled"}, follow=True)
    assert "We saved Luke Example’s login." in response.content.decode()
    extension.refresh_from_db()
    assert (extension.user_role, extension.status) == ("super_admin", "Disabled")
    event = AuditEvent.objects.get(kind=AuditKind.EXTENSION_UPDATED)
    assert event.actor == rebels.leia.user
    assert event.target_id == str(extension.pk)
    assert event.details == {
        "environment": "production",
        "changes": {
            "user_role": ["standard_user", "super_admin"],
            "status": ["Enabled", "Disabled"],
        },
    }
    history = browser.get(url).content.decode()
    assert "changed the platform login" in history
    assert "→" in history
    assert login(rebels.luke, "sandbox").is_enabled


def test_change_of_nothing_records_nothing(rebels: Rebels, sign_in: SignIn) -> None:
    url = reverse("accounts:change_extension", args=[login(rebels.luke).pk])
    browser = cast.step_up(sign_in(rebels.leia))
    browser.post(url, {"user_role": "standard_user", "status": "Enabled"})
    assert not AuditEvent.objects.filter(kind=AuditKind.EXTENSION_UPDATED).exists()


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"user_role": "emperor", "status": "Disabled"}, "user_role"),
        ({"user_role": "read_only", "status": "Frozen"}, "status"),
        ({"status": "Disabled"}, "user_role"),
    ],
)
def test_error_beside_the_field(
    data: dict[str, str], wrong: str, rebels: Rebels, sign_in: SignIn
) -> None:
    url = reverse("accounts:change_extension", args=[login(rebels.luke).pk])
    browser = cast.step_up(sign_in(rebels.leia))
    response = browser.post(url, data)
    assert response.status_code == 200
    form = response.context["form"]
    assert form.errors.keys() == {wrong}
    kept = ({"user_role", "status"} - {wrong}).pop()
    assert form[kept].value() == data[kept]
    assert login(rebels.luke).is_enabled


@pytest.mark.parametrize("who", ["han", "luke", "lobot"])
def test_action_checks_its_actor(who: str, rebels: Rebels, partners: Partners) -> None:
    actor = partners.lobot if who == "lobot" else getattr(rebels, who)
    with pytest.raises(PermissionDenied):
        change_extension(
            login(rebels.luke),
            user_role="super_admin",
            status=ExtensionStatus.ENABLED,
            actor=actor.user,
            origin=cast.ORIGIN,
        )
