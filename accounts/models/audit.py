from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.audit_chain import Document, address, moment, plain
from accounts.models.organizations import Organization
from accounts.platform.words import later, word
from core.moments import in_words
from core.pagination import Order


class AuditKind(models.TextChoices):
    """Every kind of event and its sentence, including those of `credentials`."""

    ORGANIZATION_CREATED = "organization.created", "created the organization"
    ORGANIZATION_RENAMED = "organization.renamed", "renamed the organization"
    ORGANIZATION_SUSPENDED = "organization.suspended", "suspended the organization"
    ORGANIZATION_RESUMED = "organization.resumed", "resumed the organization"
    ORGANIZATION_DELETED = "organization.deleted", "deleted the organization"
    INVITATION_CREATED = "invitation.created", "invited"
    INVITATION_ACCEPTED = "invitation.accepted", "accepted the invitation to"
    MEMBERSHIP_CREATED = "membership.created", "added"
    USER_UPDATED = "user.updated", "changed the profile of"
    ACCESS_REQUESTED = "access.requested", "requested console access"
    EXTENSION_CREATED = "extension.created", "created the platform login"
    EXTENSION_UPDATED = "extension.updated", "changed the platform login"
    EXTENSION_IDENTIFIED = "extension.identified", "changed the external ID of the login"
    PLATFORM_ACCOUNT_UPDATED = "platform_account.updated", "changed the business address of"
    PLATFORM_ACCOUNT_IDENTIFIED = (
        "platform_account.identified",
        "changed the external ID of the account",
    )
    APPLICATION_REGISTERED = "application.registered", "registered the app"
    APPLICATION_UPDATED = "application.updated", "changed the app"
    APPLICATION_SUSPENDED = "application.suspended", "suspended the app"
    APPLICATION_RESUMED = "application.resumed", "resumed the app"
    CLIENT_ISSUED = "client.issued", "issued the client ID"
    CLIENT_SECRET_REPLACED = "client.secret_replaced", "replaced the client secret of"
    CLIENT_SECRET_ENDED = "client.secret_ended", "revoked the previous client secret of"
    CLIENT_SUSPENDED = "client.suspended", "suspended the client ID"
    CLIENT_RESUMED = "client.resumed", "resumed the client ID"
    CLIENT_SESSIONS_ENDED = "client.sessions_ended", "ended all token sessions of the client ID"
    CLIENT_MARKED = "client.marked", "changed resource server access for the client ID"
    JWT_CREDENTIAL_CREATED = "jwt_credential.created", "created the JWT credential"
    JWT_CREDENTIAL_UPDATED = "jwt_credential.updated", "changed the JWT credential"
    JWT_CREDENTIAL_WIDENED = (
        "jwt_credential.widened",
        "widened the ceiling of the JWT credential",
    )
    JWT_CREDENTIAL_PAUSED = "jwt_credential.paused", "paused the JWT credential"
    JWT_CREDENTIAL_RESUMED = "jwt_credential.resumed", "resumed the JWT credential"
    JWT_CREDENTIAL_REVOKED = "jwt_credential.revoked", "revoked the JWT credential"
    JWT_CREDENTIAL_REPORTED = "jwt_credential.reported", "reported and revoked the leaked JWT for"
    JWT_CREDENTIAL_SHOWN = "jwt_credential.shown", "viewed the JWT of"
    JWT_CREDENTIAL_TESTED = "jwt_credential.tested", "ran a test exchange with the JWT of"
    JWT_CREDENTIAL_TRIED = "jwt_credential.tried", "tried a call with the JWT of"
    TOKEN_SESSION_REVOKED = "jwt_credential.session_revoked", "revoked its token session of"
    REFRESH_TOKEN_REUSED = (
        "jwt_credential.token_reused",
        "used a refresh token a second time, which ended a token session of",
    )
    TOKEN_SESSION_ENDED = "jwt_credential.session_ended", "ended a token session of"
    TOKEN_SESSIONS_ENDED = "jwt_credential.sessions_ended", "ended all token sessions of"
    JWT_CREDENTIAL_ROTATION_STARTED = (
        "jwt_credential.rotation_started",
        "started rotating the JWT credential",
    )
    JWT_CREDENTIAL_ROTATION_EXTENDED = (
        "jwt_credential.rotation_extended",
        "extended the deadline of the JWT credential",
    )
    JWT_CREDENTIAL_ROTATION_UNDONE = (
        "jwt_credential.rotation_undone",
        "undid the rotation of the JWT credential",
    )
    JWT_CREDENTIAL_REPLACED = "jwt_credential.replaced", "finished rotating the JWT credential"
    ACCESS_GRANTED = "access.granted", "granted console access to"
    ACCESS_DECLINED = "access.declined", "declined the access request from"
    INVITATION_RESENT = "invitation.resent", "resent the invitation to"
    INVITATION_WITHDRAWN = "invitation.withdrawn", "withdrew the invitation to"
    INVITATION_READDRESSED = "invitation.readdressed", "changed the address of the invitation to"
    MEMBERSHIP_ROLE_CHANGED = "membership.role_changed", "changed the role of"
    MEMBERSHIP_DEACTIVATED = "membership.deactivated", "deactivated"
    MEMBERSHIP_REACTIVATED = "membership.reactivated", "reactivated"
    APPLICATION_TRANSFERRED = "application.transferred", "transferred the app"
    APPLICATION_RETIRED = "application.retired", "retired the app"
    POLICY_UPDATED = "policy.updated", "changed the policy of"
    CREDENTIALS_EXPORTED = "credentials.exported", "exported the credentials of"
    SIGNED_IN = "user.signed_in", "signed in"
    SIGN_IN_FAILED = "user.sign_in_failed", "failed to sign in as"
    SIGN_IN_BLOCKED = "user.sign_in_blocked", "was blocked after too many attempts to sign in as"
    SIGNED_OUT = "user.signed_out", "signed out"
    STEPPED_UP = "user.stepped_up", "confirmed that it’s them"
    STEP_UP_FAILED = "user.step_up_failed", "failed to confirm that they are"
    RESET_REQUESTED = "user.reset_requested", "requested a new password for"
    SIGNED_IN_FROM_NEW_DEVICE = "user.new_device", "signed in from a new browser"
    PASSWORD_CHANGED = "user.password_changed", "changed the password of"
    PASSWORD_RESET_SENT = "user.password_reset_sent", "sent a password reset link to"
    EMAIL_CHANGED = "user.email_changed", "changed the email address of"
    FACTOR_ADDED = "user.factor_added", "added a way to sign in as"
    FACTOR_REMOVED = "user.factor_removed", "removed a way to sign in as"
    RECOVERY_CODES_MADE = "user.recovery_codes_made", "generated new recovery codes for"
    SESSIONS_ENDED = "user.sessions_ended", "ended sessions of"
    AUDIT_EXPORTED = "audit.exported", "exported the audit log of"
    SIGNING_KEY_CREATED = "signing_key.created", "created the signing key"
    SIGNING_KEY_ROTATED = "signing_key.rotated", "rotated the signing key"
    SIGNING_KEY_DISTRUSTED = "signing_key.distrusted", "distrusted the signing key"
    SIGNING_KEY_RESEALED = "signing_key.resealed", "re-encrypted the signing key"
    OPERATOR_MARKED = "operator.marked", "changed the operator access of"

    @property
    def words(self) -> str:
        """The sentence, in the platform's words."""
        thing = _THINGS.get(self)
        return self.label.replace(thing, word(thing)) if thing else self.label


_THINGS = {
    AuditKind.EXTENSION_CREATED: "platform login",
    AuditKind.EXTENSION_UPDATED: "platform login",
    AuditKind.EXTENSION_IDENTIFIED: "login",
    AuditKind.PLATFORM_ACCOUNT_IDENTIFIED: "account",
}
# Only calls of the built-in API do this.
_BY_BUILT_IN_API = {AuditKind.PLATFORM_ACCOUNT_UPDATED}
_ABOUT_ONESELF = {
    AuditKind.INVITATION_ACCEPTED: "accepted the invitation",
    AuditKind.MEMBERSHIP_CREATED: "joined the organization",
    AuditKind.USER_UPDATED: "changed their own profile",
    AuditKind.PASSWORD_CHANGED: "changed their own password",
    AuditKind.EMAIL_CHANGED: "changed their own email address",
    AuditKind.FACTOR_ADDED: "added a way to sign in",
    AuditKind.FACTOR_REMOVED: "removed a way to sign in",
    AuditKind.RECOVERY_CODES_MADE: "generated new recovery codes",
    AuditKind.SESSIONS_ENDED: "ended some of their own sessions",
}
_WITHOUT_OBJECT = {
    AuditKind.ACCESS_REQUESTED,
    AuditKind.SIGNED_IN,
    AuditKind.SIGNED_IN_FROM_NEW_DEVICE,
    AuditKind.SIGNED_OUT,
    AuditKind.STEPPED_UP,
}


# What events are about, by model name, including the models of `credentials`.
_TARGET_TYPES = {
    "user": "Person",
    "application": "App",
    "client": "Client ID",
    "jwtcredential": "JWT credential",
    "accessrequest": "Access request",
    "invitation": "Invitation",
    "extension": later(lambda: word("Platform login")),
    "platformaccount": later(lambda: word("Platform account")),
    "policy": "Policy",
    "organization": "Organization",
}
# By the first word of a kind: its group in the list of filters, and its icon. No organization's log
# shows the events without a group, which are the operator's.
_SUBJECTS = {
    "organization": ("Organization", "building-2"),
    "policy": ("Organization", "scale"),
    "access": ("People and access", "user-round"),
    "invitation": ("People and access", "user-round"),
    "membership": ("People and access", "user-round"),
    "user": ("People and access", "user-round"),
    "extension": (later(lambda: word("Platform accounts")), "user-round"),
    "platform_account": (later(lambda: word("Platform accounts")), "user-round"),
    "application": ("Apps", "box"),
    "client": ("Apps", "fingerprint-pattern"),
    "jwt_credential": ("JWT credentials", "key-round"),
    "credentials": ("Exports", "download"),
    "audit": ("Exports", "download"),
    "signing_key": ("", "shield"),
    "operator": ("", "user-round"),
}


def audit_kinds() -> list[tuple[str, str]]:
    # A callable, so that a new kind needs no migration.
    return AuditKind.choices


def target_types() -> list[tuple[str, str]]:
    return list(_TARGET_TYPES.items())


def kinds_by_subject() -> list[tuple[str, list[tuple[str, str]]]]:
    """The kinds as grouped choices, without those of the operator."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for kind in AuditKind:
        group, _icon = _SUBJECTS[kind.partition(".")[0]]
        is_possible = settings.PLATFORM.built_in_api or kind not in _BY_BUILT_IN_API
        if group and is_possible:
            groups.setdefault(group, []).append((kind.value, f"{kind.words} …"))
    return list(groups.items())


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def about(self, target_type: str, target_id: object) -> Self:
        return self.filter(target_type=target_type, target_id=str(target_id)).order_by("-id")

    def unsealed(self) -> Self:
        return self.filter(seal__isnull=True)

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit events are append-only.")


class AuditEvent(models.Model):
    """Who did what to what, and from where. Append-only: triggers refuse UPDATE and DELETE.

    The event copies names, and the database enforces no foreign key, so the record outlives the
    rows that it names.
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

    NEWEST_FIRST: ClassVar = Order(("at", "pk"), descending=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["target_id", "target_type", "-id"], name="audit_by_target"),
            # Each filter of the audit log, in the order of its pages.
            models.Index(fields=["organization", "-at", "-id"], name="audit_by_time"),
            models.Index(fields=["organization", "kind", "-at", "-id"], name="audit_by_kind"),
            models.Index(fields=["organization", "actor", "-at", "-id"], name="audit_by_actor"),
            models.Index(
                fields=["organization", "target_type", "-at", "-id"], name="audit_by_type"
            ),
            models.Index(
                "organization",
                Upper("target_label"),
                F("at").desc(),
                F("id").desc(),
                name="audit_by_label",
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.actor_label, self.deed, self.object_label)))

    @property
    def is_about_actor(self) -> bool:
        return self.actor_label == self.target_label

    @property
    def deed(self) -> str:
        """The words between the actor and the object."""
        kind = AuditKind(self.kind)
        return _ABOUT_ONESELF.get(kind, kind.words) if self.is_about_actor else kind.words

    @property
    def object_label(self) -> str:
        """The object of the sentence; empty if the deed already names it."""
        if self.kind in _WITHOUT_OBJECT or (self.is_about_actor and self.kind in _ABOUT_ONESELF):
            return ""
        return self.target_label

    @property
    def target_type_label(self) -> str:
        return _TARGET_TYPES.get(self.target_type, self.target_type.capitalize())

    @property
    def document(self) -> Document:
        """The event as we seal and export it, the same on both databases."""
        return {
            "id": self.pk,
            "at": moment(self.at),
            "kind": self.kind,
            "organization": self.organization_id and str(self.organization_id),
            "actor": self.actor_id and str(self.actor_id),
            "actor_label": self.actor_label,
            "target_type": self.target_type,
            "target_id": self.target_id,
            "target_label": self.target_label,
            "details": plain(self.details),
            "ip": address(self.ip),
            "user_agent": self.user_agent,
            "request_id": self.request_id,
        }

    @property
    def icon(self) -> str:
        _group, icon = _SUBJECTS[self.kind.partition(".")[0]]
        return icon

    @property
    def lines(self) -> list[str]:
        """The details in words: `Label: old → new` for changes, `Label: value` for facts."""
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
    "deadline_at": "Deadline",
    "ended_at": "Ended",
    "ends_at": "Ends",
    "expires_at": "Expires",
    "last_address": "Last address",
    "session_id": "Session ID",
    "started_at": "Started",
    "external_id": "External ID",
    "first_used_at": "Replacement first used",
    "last_used_at": "Last used",
    "is_account_admin": "Account administrator",
    "is_public": "Public",
    "proof": "Proof of identity",
    "former_ends_at": "Previous secret ends",
    "did": "Action",
    "from_at": "From",
    "to_at": "To",
    "to_type": "Target type",
    "to": "Target",
    "until_at": "Until",
    "uses_jwt_flow": "JWT auth flow",
    "zip": "ZIP code",
}
_VALUES = {
    ("app_access", "organization"): "all apps in the organization",
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
        return in_words(datetime.fromisoformat(value))
    if name in ("role", "user_role", "environment"):
        return str(value).replace("_", " ")
    return _VALUES.get((name, str(value)), str(value)) if value not in (None, "") else "none"
