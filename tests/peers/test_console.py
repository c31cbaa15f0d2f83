"""Failures of other consoles: who gets in, and who acts for whom."""

import base64
from datetime import timedelta
from typing import Any

from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actions.invitations import invite
from accounts.actions.memberships import deactivate
from accounts.models import Extension, Invitation, Membership, User
from accounts.roles import ConsoleRole
from credentials.models import JwtCredential
from tests import api, cast
from tests.conftest import SignIn
from tests.credentials.pages import submission, url
from tests.peers.conftest import World

ACCEPT = reverse("accounts:accept_invitation")
RESET = reverse("account_reset_password")
LOGIN = reverse("account_login")


def invited(world: World) -> tuple[Invitation, str]:
    made, raw_token = invite(
        world.rebels.organization,
        "mon@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=world.rebels.leia.user,
        origin=cast.ORIGIN,
    )
    return made, reverse("accounts:open_invitation", args=[raw_token])


def accept(link: str, **more: str) -> Any:
    browser = Client()
    browser.get(link)
    password = "Chandrila-Senator-42"
    form = {
        "first_name": "Mon",
        "last_name": "Mothma",
        "password": password,
        "password_again": password,
    }
    return browser.post(ACCEPT, form | more)


# --- Invitations ----------------------------------------------------------------------------------


def test_authentik_cve_2022_23555(world: World) -> None:
    """authentik let people with any invitation choose what they were invited to."""
    _, link = invited(world)
    chosen = {
        "role": "developer_admin",
        "is_account_admin": "on",
        "email": "evil@evil.example",
        "organization": str(world.partners.organization.pk),
        "invitation": "1",
    }
    assert accept(link, **chosen).status_code == 302
    joined = Membership.objects.get(user__email="mon@rebels.example")
    assert (joined.role, joined.is_account_admin) == (ConsoleRole.DEVELOPER, False)
    assert joined.organization == world.rebels.organization


def test_authentik_go_2025_4136(world: World) -> None:
    """authentik accepted an invitation for minutes after it had expired."""
    made, link = invited(world)
    Invitation.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(link).status_code == 410
    assert accept(link).status_code == 410
    assert not User.objects.filter(email="mon@rebels.example").exists()


def test_keycloak_cve_2026_1529(world: World) -> None:
    """Keycloak didn't verify the invitation, so that anyone could join any organization."""
    _, link = invited(world)
    genuine = link.rpartition("/")[2]
    claims = base64.urlsafe_b64encode(b'{"organization":"rebels"}').decode().rstrip("=")
    forgeries = [genuine[:-1], genuine[:-6] + "AAAAAA", f"eyJhbGciOiJub25lIn0.{claims}.", "inv_"]
    for forged in forgeries:
        path = link.replace(genuine, forged)
        assert Client().get(path).status_code in (404, 410)
        assert accept(path).status_code == 410
    assert not User.objects.filter(email="mon@rebels.example").exists()


# --- Sign-in and passwords ------------------------------------------------------------------------


def test_authentik_ghsa_9g4j_v8w5_7x42(world: World, sign_in: SignIn) -> None:
    """authentik left deactivated people half signed in, so that they could authorize apps."""
    browser = sign_in(world.rebels.luke)
    assert browser.get(reverse("accounts:my_profile")).status_code == 200
    deactivate(world.rebels.luke, actor=world.rebels.leia.user, origin=cast.ORIGIN)
    for name in ("accounts:my_profile", "dashboard", "account_reauthenticate"):
        response = browser.get(reverse(name))
        assert (response.status_code, response["Location"].split("?")[0]) == (302, LOGIN)


def test_gitlab_cve_2023_7028(world: World) -> None:
    """GitLab sent the link of a password reset to a second address in the same request."""
    luke = world.rebels.luke.user.email
    evil = "luke@evil.example"
    for body in (
        f"email={luke}&email={evil}",
        f"email={evil}&email={luke}",
        f"email[]={luke}&email[]={evil}",
        f"email={luke},{evil}",
        f"email={luke}%0A{evil}",
        f"email={luke}%0D%0ABcc:{evil}",
    ):
        Client().generic("POST", RESET, body, content_type=api.FORM)
    linked = [each.recipients() for each in mail.outbox if "/reset/key/" in str(each.message())]
    assert [luke] in linked or not linked
    assert evil not in str(linked)


def test_zitadel_ghsa_2wmj_46rj_qm2w(world: World) -> None:
    """ZITADEL built the link of a password reset from a header of the request."""
    headers = {
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example;proto=https",
        "X-Forwarded-Proto": "https",
        "X-Host": "evil.example",
    }
    Client(headers=headers).post(RESET, {"email": world.rebels.luke.user.email})
    [message] = mail.outbox
    assert "http://localhost:8000/account/password/reset/key/" in message.body
    assert "evil" not in str(message.message())


def test_zitadel_cve_2026_135175(world: World) -> None:
    """ZITADEL took another host for its own if its own name stood before an at sign."""
    for host in ("localhost@evil.example", "localhost:8000@evil.example", "evil.example"):
        browser = Client(headers={"X-Zitadel-Public-Host": host, "X-Forwarded-Host": host})
        browser.post(RESET, {"email": world.rebels.luke.user.email})
        assert Client(headers={"host": host}).get(LOGIN).status_code == 400
    assert mail.outbox
    assert not [message for message in mail.outbox if "evil" in str(message.message())]


def test_zitadel_cve_2026_23511(world: World) -> None:
    """ZITADEL's sign-in page told which accounts exist."""
    pages = []
    for email in (world.rebels.luke.user.email, "nobody@rebels.example"):
        response = Client().post(LOGIN, {"login": email, "password": "wrong"})
        pages.append((response.status_code, response.context["form"].errors))
    assert pages[0] == pages[1]


def test_gitlab_cve_2021_39890(world: World) -> None:
    """GitLab showed pages to HTTP Basic, which no second factor protected."""
    password = f"{world.rebels.luke.user.email}:{cast.PASSWORD}"
    for header in (
        "Basic " + base64.b64encode(password.encode()).decode(),
        f"Bearer {world.access_token}",
        world.app.authorization,
    ):
        browser = Client(headers={"Authorization": header})
        for name in ("dashboard", "accounts:my_profile", "my_credentials:list"):
            assert browser.get(reverse(name)).status_code == 302


# --- Acting for others ----------------------------------------------------------------------------


def test_zitadel_cve_2026_105209(world: World, sign_in: SignIn) -> None:
    """ZITADEL checked the organization that the caller named, not the one of the other person."""
    lobot = cast.step_up(sign_in(world.partners.lobot))
    lobot.defaults |= {"HTTP_X_ZITADEL_ORGID": str(world.rebels.organization.pk)}
    luke = world.rebels.luke
    before = JwtCredential.objects.count()
    target = url("create", through=luke)
    assert lobot.get(target).status_code == 404
    assert lobot.post(target, submission()).status_code == 404
    assert lobot.get(url("list", through=luke)).status_code == 404
    assert JwtCredential.objects.count() == before


def test_authentik_cve_2024_37905(world: World, sign_in: SignIn) -> None:
    """authentik let people change whose token it was, and so act as an administrator."""
    lando = cast.step_up(sign_in(world.rebels.lando))
    leia = world.rebels.leia
    login = Extension.objects.get(user=leia.user, account__environment="production")
    others = {"owner": leia.pk, "user": leia.user.pk, "extension": login.pk, "sub": login.pk}
    response = lando.post(url("create"), submission(environment="production", **others))
    assert response.status_code == 302
    made = JwtCredential.objects.latest("issued_at")
    assert made.extension.user == world.rebels.lando.user
    owned = url("detail", made)
    lando.post(owned, {"label": "Mine", "app_access": "organization", **others})
    made.refresh_from_db()
    assert made.extension.user == world.rebels.lando.user
