"""One function for each event about credentials that people hear about; none carries a secret."""

from datetime import datetime

from django.urls import reverse

from accounts import emails
from accounts.models import NoticeKind, User
from accounts.notices import tell
from credentials.models import Application, JwtCredential, Refusal, Rotation
from credentials.models.rotations import AppProgress
from credentials.models.usage import ClientUse


def jwt_credential_created(
    credential: JwtCredential, *, created_by: User, creator_sees_jwt: bool
) -> None:
    tell(
        NoticeKind.JWT_CREDENTIAL_CREATED,
        [credential.extension.user],
        _facts(credential, created_by) | {"creator_sees_jwt": creator_sees_jwt},
        path=_page(credential),
        by=created_by,
        at=credential.issued_at,
    )


def jwt_credential_revoked(credential: JwtCredential, *, revoked_by: User | None) -> None:
    # Without a person, an operator did it with a command.
    tell(
        NoticeKind.JWT_CREDENTIAL_REVOKED,
        [credential.extension.user],
        _facts(credential, revoked_by),
        path=_page(credential),
        by=revoked_by,
        at=credential.revoked_at,
    )


def jwt_credential_leaked(credential: JwtCredential, *, source: str | None, at: datetime) -> None:
    owner = credential.extension.user
    tell(
        NoticeKind.JWT_CREDENTIAL_LEAKED,
        [owner],
        {"credential": credential, "owner": owner, "source": source or "unknown"},
        path=_page(credential),
        by=None,
        at=at,
    )


def refresh_token_reused(
    credential: JwtCredential, application: Application, *, source: str | None, at: datetime
) -> None:
    owner = credential.extension.user
    tell(
        NoticeKind.REFRESH_TOKEN_REUSED,
        [owner],
        {
            "credential": credential,
            "owner": owner,
            "application": application.name,
            "source": source or "unknown",
            "at": at,
        },
        path=_page(credential),
        by=None,
        at=at,
    )


def jwt_credentials_revoked(
    owner: User, credentials: list[JwtCredential], *, revoked_by: User
) -> None:
    if len(credentials) == 1:
        return jwt_credential_revoked(credentials[0], revoked_by=revoked_by)
    context = {
        "credentials": credentials,
        "owner": owner,
        "actor": revoked_by,
        "reason": credentials[0].revoked_reason,
    }
    return tell(
        NoticeKind.JWT_CREDENTIALS_REVOKED,
        [owner],
        context,
        path=reverse("my_credentials:list"),
        by=revoked_by,
        at=credentials[0].revoked_at,
    )


def jwt_credentials_paused(
    owner: User, credentials: list[JwtCredential], *, paused_by: User
) -> None:
    one = credentials[0] if len(credentials) == 1 else None
    tell(
        NoticeKind.JWT_CREDENTIALS_PAUSED,
        [owner],
        {
            "credentials": credentials,
            "one": one,
            "owner": owner,
            "actor": paused_by,
            "until": credentials[0].paused_until,
        },
        path=_page(one) if one else reverse("my_credentials:list"),
        by=paused_by,
    )


def pause_missed(credential: JwtCredential, refusal: Refusal) -> None:
    """`refusal` is the first request that the pause refused."""
    person = credential.paused_by
    if person is None:
        return
    client = refusal.client
    tell(
        NoticeKind.PAUSE_MISSED,
        [person],
        {
            "credential": credential,
            "owner": credential.extension.user,
            "person": person,
            "app": client.application.name if client else "An app",
            "address": refusal.address or "unknown",
            "refused_at": refusal.at,
        },
        path=_page_for(person, "resume", credential),
        at=refusal.at,
    )


def pause_unmissed(person: User, credentials: list[JwtCredential], *, at: datetime) -> None:
    """The pause of these credentials ended, and no app tried to use them."""
    pages = [(each, emails.absolute(_page_for(person, "revoke", each))) for each in credentials]
    one = credentials[0] if len(credentials) == 1 else None
    everything = (
        "my_credentials:list"
        if all(each.extension.user_id == person.pk for each in credentials)
        else "organization:credentials"
    )
    tell(
        NoticeKind.PAUSE_UNMISSED,
        [person],
        {"credentials": pages, "one": one, "person": person},
        path=_page_for(person, "revoke", one) if one else reverse(everything),
        at=at,
    )


def jwt_credentials_expiring(
    owner: User, due: list[tuple[JwtCredential, list[ClientUse]]], *, at: datetime
) -> None:
    """One email about all credentials that are `due`, each with the clients that used it lately."""
    one = due[0][0] if len(due) == 1 else None
    tell(
        NoticeKind.JWT_CREDENTIALS_EXPIRING,
        [owner],
        {"due": due, "one": one, "owner": owner},
        path=_page(one) if one else reverse("my_credentials:list"),
        by=None,
        at=at,
    )


def rotation_started(rotation: Rotation, *, started_by: User, creator_sees_jwt: bool) -> None:
    # Apps that use the replacement act as the owner, so the email also names who saw its JWT.
    facts = _facts(rotation.replaced, started_by)
    tell(
        NoticeKind.ROTATION_STARTED,
        [rotation.replaced.extension.user],
        facts | {"rotation": rotation, "creator_sees_jwt": creator_sees_jwt},
        path=reverse("my_credentials:rotation", args=[rotation.replaced_id]),
        by=started_by,
        at=rotation.started_at,
    )


def rotation_closing(rotation: Rotation, apps: list[AppProgress], *, at: datetime) -> None:
    """`apps` still use the old credential, which is about to stop working."""
    owner = rotation.replaced.extension.user
    tell(
        NoticeKind.ROTATION_CLOSING,
        [owner],
        {"rotation": rotation, "credential": rotation.replaced, "owner": owner, "apps": apps},
        path=reverse("my_credentials:rotation", args=[rotation.replaced_id]),
        by=None,
        at=at,
    )


def application_transferred(
    application: Application, *, before: User, transferred_by: User
) -> None:
    context = {
        "application": application,
        "owner": application.owner,
        "before": before,
        "actor": transferred_by,
    }
    tell(
        NoticeKind.APPLICATION_TRANSFERRED,
        [application.owner],
        context,
        path=reverse("credentials:application", args=[application.pk]),
        by=transferred_by,
    )


def application_suspended(application: Application) -> None:
    _tell_app_owner(NoticeKind.APPLICATION_SUSPENDED, application)


def application_resumed(application: Application) -> None:
    _tell_app_owner(NoticeKind.APPLICATION_RESUMED, application)


def _tell_app_owner(kind: NoticeKind, application: Application) -> None:
    tell(
        kind,
        [application.owner],
        {"application": application, "owner": application.owner},
        path=reverse("credentials:application", args=[application.pk]),
    )


def _facts(credential: JwtCredential, actor: User | None) -> dict[str, object]:
    owner = credential.extension.user
    return {
        "credential": credential,
        "owner": owner,
        "actor": actor,
        "by_someone_else": actor != owner,
    }


def _page_for(person: User, name: str, credential: JwtCredential) -> str:
    """The page of a credential for its owner or for someone who manages it."""
    owner = credential.extension.user
    if owner == person:
        return reverse(f"my_credentials:{name}", args=[credential.pk])
    return reverse(f"developer_credentials:{name}", args=[owner.pk, credential.pk])


def _page(credential: JwtCredential) -> str:
    return reverse("my_credentials:detail", args=[credential.pk])
