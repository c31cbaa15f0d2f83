from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from accounts.models.organizations import Organization


class AuditKind(models.TextChoices):
    """Everything that can happen, each with its sentence; the product's table of contents.

    `accounts` names the words of `credentials` here without importing it.
    """

    ORGANIZATION_CREATED = "organization.created", "created the organization"
    INVITATION_CREATED = "invitation.created", "invited"
    INVITATION_ACCEPTED = "invitation.accepted", "accepted the invitation"
    MEMBERSHIP_CREATED = "membership.created", "joined the organization"
    USER_UPDATED = "user.updated", "changed the profile"
    ACCESS_REQUESTED = "access.requested", "requested console access"
    EXTENSION_CREATED = "extension.created", "created the platform login"
    EXTENSION_UPDATED = "extension.updated", "changed the platform login"
    PLATFORM_ACCOUNT_UPDATED = "platform_account.updated", "changed the business address"
    APPLICATION_REGISTERED = "application.registered", "registered the app"
    APPLICATION_UPDATED = "application.updated", "changed the app"
    CLIENT_ISSUED = "client.issued", "issued the client ID"
    CLIENT_SECRET_REPLACED = "client.secret_replaced", "replaced the client secret"
    CLIENT_SUSPENDED = "client.suspended", "suspended the client ID"
    CLIENT_RESUMED = "client.resumed", "resumed the client ID"
    CLIENT_MARKED = "client.marked", "decided who introspects tokens"
    JWT_CREDENTIAL_CREATED = "jwt_credential.created", "created the JWT credential"
    JWT_CREDENTIAL_UPDATED = "jwt_credential.updated", "changed the JWT credential"
    JWT_CREDENTIAL_REVOKED = "jwt_credential.revoked", "revoked the JWT credential"
    JWT_CREDENTIAL_REPORTED = "jwt_credential.reported", "found and revoked the leaked JWT of"
    JWT_CREDENTIAL_SHOWN = "jwt_credential.shown", "looked at the JWT"
    JWT_CREDENTIAL_TESTED = "jwt_credential.tested", "tested the JWT with a real exchange"
    ACCESS_GRANTED = "access.granted", "granted console access to"
    ACCESS_DECLINED = "access.declined", "declined the access request of"
    INVITATION_RESENT = "invitation.resent", "sent again the invitation of"
    INVITATION_WITHDRAWN = "invitation.withdrawn", "withdrew the invitation of"
    MEMBERSHIP_ROLE_CHANGED = "membership.role_changed", "changed the role of"
    MEMBERSHIP_DEACTIVATED = "membership.deactivated", "deactivated"
    MEMBERSHIP_REACTIVATED = "membership.reactivated", "reactivated"
    APPLICATION_TRANSFERRED = "application.transferred", "transferred the app"
    APPLICATION_RETIRED = "application.retired", "retired the app"
    POLICY_UPDATED = "policy.updated", "changed the policy"
    CREDENTIALS_EXPORTED = "credentials.exported", "exported the credentials of"
    SIGNING_KEY_CREATED = "signing_key.created", "created a signing key"
    SIGNING_KEY_ROTATED = "signing_key.rotated", "rotated the signing key"
    SIGNING_KEY_DISTRUSTED = "signing_key.distrusted", "distrusted the signing key"
    SIGNING_KEY_RESEALED = "signing_key.resealed", "sealed anew the signing key"
    OPERATOR_MARKED = "operator.marked", "decided who operates the installation:"


def audit_kinds() -> list[tuple[str, str]]:
    """The choices of the column: a callable, so that a new kind needs no migration."""
    return AuditKind.choices


_ICONS = {
    "jwt_credential": "key-round",
    "application": "box",
    "client": "fingerprint-pattern",
    "signing_key": "shield",
    "organization": "building-2",
}


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def about(self, target_type: str, target_id: object) -> Self:
        return self.filter(target_type=target_type, target_id=str(target_id)).order_by("-id")

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit events are append-only.")


class AuditEvent(models.Model):
    """Who did what to what, from where. Append-only: triggers refuse UPDATE and DELETE.

    Names are copied, and no foreign key is enforced, so that the record outlives what it names.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40, choices=audit_kinds)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="audit_events",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
    )
    actor_label = models.CharField(max_length=254)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=254)
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_by_target"),
            models.Index(fields=["organization", "-id"], name="audit_by_organization"),
            models.Index(fields=["organization", "kind", "-id"], name="audit_by_kind"),
            models.Index(fields=["organization", "actor", "-id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.get_kind_display()} {self.target_label}"

    @property
    def icon(self) -> str:
        """The lucide icon of what the event is about."""
        return _ICONS.get(self.kind.partition(".")[0], "user-round")

    @property
    def lines(self) -> list[str]:
        """The details in words: `Label: “Old” → “New”` for changes, `Label: value` for facts."""
        changes = self.details.get("changes", {})
        facts = {name: value for name, value in self.details.items() if name != "changes"}
        return [
            f"{_label(name)}: {_words(name, old)} → {_words(name, new)}"
            for name, (old, new) in changes.items()
        ] + [f"{_label(name)}: {_words(name, value)}" for name, value in facts.items() if value]


_LABELS = {
    "app_access": "Apps",
    "client_id": "Client ID",
    "client_ids": "Client IDs",
    "expires_at": "Expires",
    "is_account_admin": "Account administrator",
    "is_public": "Public",
    "uses_jwt_flow": "JWT auth flow",
    "zip": "ZIP code",
}
_VALUES = {
    ("app_access", "organization"): "all apps of the organization",
    ("app_access", "specific"): "only specific apps",
}


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " ").capitalize())


def _words(name: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_at") and isinstance(value, str):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    if name in ("role", "user_role", "environment"):
        return str(value).replace("_", " ")
    return _VALUES.get((name, str(value)), str(value)) if value not in (None, "") else "none"
