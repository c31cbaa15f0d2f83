"""The notices to owners when someone else changes their credential or app."""

from typing import Any

import pytest
from django.urls import reverse
from post_office.models import Email

from accounts.models import Notice, NoticeKind
from credentials.actions.applications import transfer_application
from credentials.actions.revocations import revoke_jwt_credential, revoke_jwt_credentials
from credentials.models import JwtCredential
from tests import cast
from tests.conftest import Rebels, SignIn

pytestmark = pytest.mark.django_db

NASTY = "Key {{ 7|add:1 }} & <b>"


def by(rebels: Rebels) -> dict[str, Any]:
    return {"actor": rebels.han.user, "origin": cast.ORIGIN}


@pytest.fixture
def credential(rebels: Rebels) -> JwtCredential:
    made = cast.credential(rebels.luke, label=NASTY)
    assert not Notice.objects.exists(), "One's own deed is no news."
    return made


@pytest.mark.parametrize(
    ("owner_role", "seen"),
    [
        pytest.param("standard_user", " and saw the JWT.", id="no more rights"),
        pytest.param("super_admin", ". Only you can see the JWT.", id="more rights"),
    ],
)
def test_created_and_whether_the_jwt_was_shown(
    owner_role: str, seen: str, rebels: Rebels, sign_in: SignIn
) -> None:
    rebels.luke.user.extensions.update(user_role=owner_role)
    made = cast.credential(rebels.luke, label=NASTY, created_by=rebels.han)
    told = Notice.objects.get()
    assert (told.user, told.kind, told.path, told.at) == (
        rebels.luke.user,
        NoticeKind.JWT_CREDENTIAL_CREATED,
        f"/console/my-credentials/{made.pk}",
        made.issued_at,
    )
    assert told.text == (f"Han Example created the sandbox JWT credential “{NASTY}” for you{seen}")
    assert sign_in(rebels.luke).get(told.path).status_code == 200


@pytest.mark.parametrize(("reason", "end"), [("", "."), ("Leaked & <gone>", ": Leaked & <gone>")])
def test_revoked(reason: str, end: str, rebels: Rebels, credential: JwtCredential) -> None:
    revoked = revoke_jwt_credential(credential, reason=reason, **by(rebels))
    told = Notice.objects.get()
    assert (told.user, told.kind, told.at) == (
        rebels.luke.user,
        NoticeKind.JWT_CREDENTIAL_REVOKED,
        revoked.revoked_at,
    )
    assert told.text == f"Han Example revoked your sandbox JWT credential “{NASTY}”{end}"


def test_revoking_one_s_own_is_no_news(rebels: Rebels, credential: JwtCredential) -> None:
    revoke_jwt_credential(credential, reason="", actor=rebels.luke.user, origin=cast.ORIGIN)
    assert not Notice.objects.exists()


def test_revoked_in_bulk_is_one_notice_for_each_owner(rebels: Rebels) -> None:
    owners = (rebels.luke, rebels.luke, rebels.leia, rebels.han)
    ids = [cast.credential(owner, label="Key").pk for owner in owners]
    revoke_jwt_credentials(ids, reason="Cleaning up", **by(rebels))
    assert sorted(Notice.objects.values_list("user__email", "kind", "text", "path")) == [
        (
            "leia@rebels.example",
            NoticeKind.JWT_CREDENTIAL_REVOKED,
            "Han Example revoked your sandbox JWT credential “Key”: Cleaning up",
            f"/console/my-credentials/{ids[2]}",
        ),
        (
            "luke@rebels.example",
            NoticeKind.JWT_CREDENTIALS_REVOKED,
            "Han Example revoked 2 of your JWT credentials: Cleaning up",
            "/console/my-credentials",
        ),
    ]


def test_an_app_is_given(rebels: Rebels) -> None:
    application = cast.application(rebels.leia, "Falcon & <Dialer>")
    transfer_application(application, rebels.luke, **by(rebels))
    told = Notice.objects.get()
    assert (told.user, told.kind, told.path) == (
        rebels.luke.user,
        NoticeKind.APPLICATION_TRANSFERRED,
        f"/console/apps/{application.pk}",
    )
    assert told.text == (
        "Han Example transferred the app “Falcon & <Dialer>” from Leia Example to you."
    )


def test_names_are_escaped_on_pages_but_not_in_emails(rebels: Rebels, sign_in: SignIn) -> None:
    application = cast.application(rebels.leia, "Falcon & <Dialer>")
    transfer_application(application, rebels.luke, **by(rebels))
    [email] = Email.objects.filter(to=rebels.luke.user.email)
    assert "Falcon & <Dialer>" in email.subject
    assert "Falcon & <Dialer>" in email.message
    page = sign_in(rebels.luke).get(reverse("accounts:notices")).content.decode()
    assert "Falcon &amp; &lt;Dialer&gt;" in page
    assert "<Dialer>" not in page
