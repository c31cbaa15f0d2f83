"""One function per mail about credentials. None of them carries a secret."""

from django.urls import reverse

from accounts.emails import absolute, queue
from accounts.models import User
from credentials.models import Application, JwtCredential


def jwt_credential_created(credential: JwtCredential, *, created_by: User) -> None:
    _about(credential, "jwt_credential_created", created_by)


def jwt_credential_revoked(credential: JwtCredential, *, revoked_by: User) -> None:
    _about(credential, "jwt_credential_revoked", revoked_by)


def jwt_credential_leaked(credential: JwtCredential, *, source: str | None) -> None:
    """To the owner: that somebody had the JWT, that it is over, and what to do."""
    owner = credential.extension.user
    context = {
        "credential": credential,
        "owner": owner,
        "source": source or "unknown",
        "url": absolute(reverse("my_credentials:detail", args=[credential.pk])),
    }
    queue("jwt_credential_leaked", [owner.email], context)


def application_transferred(
    application: Application, *, before: User, transferred_by: User
) -> None:
    context = {
        "application": application,
        "owner": application.owner,
        "before": before,
        "actor": transferred_by,
        "url": absolute(reverse("credentials:application", args=[application.pk])),
    }
    queue("application_transferred", [application.owner.email], context)


def jwt_credentials_revoked(
    owner: User, credentials: list[JwtCredential], *, revoked_by: User
) -> None:
    """One mail to their owner about all of them."""
    if len(credentials) == 1:
        return jwt_credential_revoked(credentials[0], revoked_by=revoked_by)
    context = {
        "credentials": credentials,
        "owner": owner,
        "actor": revoked_by,
        "reason": credentials[0].revoked_reason,
        "url": absolute(reverse("my_credentials:list")),
    }
    return queue("jwt_credentials_revoked", [owner.email], context)


def _about(credential: JwtCredential, template: str, actor: User) -> None:
    owner = credential.extension.user
    context = {
        "credential": credential,
        "owner": owner,
        "actor": actor,
        "by_someone_else": actor != owner,
        "url": absolute(reverse("my_credentials:detail", args=[credential.pk])),
    }
    queue(template, [owner.email], context)
