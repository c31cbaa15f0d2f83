"""One function per mail about credentials. None of them carries a secret."""

from django.urls import reverse

from accounts.emails import absolute, queue
from accounts.models import User
from credentials.models import JwtCredential


def jwt_credential_created(credential: JwtCredential, *, created_by: User) -> None:
    _about(credential, "jwt_credential_created", created_by)


def jwt_credential_revoked(credential: JwtCredential, *, revoked_by: User) -> None:
    _about(credential, "jwt_credential_revoked", revoked_by)


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
