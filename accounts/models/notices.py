from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.pagination import Order

# How long we keep a notice. We delete read notices sooner.
READ_NOTICES_KEPT = timedelta(days=90)
NOTICES_KEPT = timedelta(days=180)


class NoticeKind(models.TextChoices):
    """Every kind of notice, including those of `credentials`.

    `templates/emails/<kind>/` has the words of the email and the notice.
    """

    ACCESS_REQUESTED = "access_requested"
    ACCESS_GRANTED = "access_granted"
    ACCESS_DECLINED = "access_declined"
    INVITATIONS_EXPIRED = "invitations_expired"
    ROLE_CHANGED = "role_changed"
    DEACTIVATED = "deactivated"
    REACTIVATED = "reactivated"
    SIGNED_OUT = "signed_out"
    NEW_DEVICE = "new_device"
    FAILED_SIGN_INS = "failed_sign_ins"
    SECOND_FACTOR_RESET = "second_factor_reset"
    ORGANIZATION_SUSPENDED = "organization_suspended"
    ORGANIZATION_RESUMED = "organization_resumed"
    APPLICATION_TRANSFERRED = "application_transferred"
    APPLICATION_SUSPENDED = "application_suspended"
    APPLICATION_RESUMED = "application_resumed"
    JWT_CREDENTIAL_CREATED = "jwt_credential_created"
    JWT_CREDENTIAL_REVOKED = "jwt_credential_revoked"
    JWT_CREDENTIAL_LEAKED = "jwt_credential_leaked"
    JWT_CREDENTIALS_REVOKED = "jwt_credentials_revoked"
    JWT_CREDENTIALS_EXPIRING = "jwt_credentials_expiring"
    JWT_CREDENTIALS_PAUSED = "jwt_credentials_paused"
    PAUSE_MISSED = "pause_missed"
    PAUSE_UNMISSED = "pause_unmissed"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    ROTATION_STARTED = "rotation_started"
    ROTATION_CLOSING = "rotation_closing"


def notice_kinds() -> list[tuple[str, str]]:
    # A callable, so that a new kind needs no migration.
    return NoticeKind.choices


_ICONS = {
    NoticeKind.INVITATIONS_EXPIRED: "mail",
    NoticeKind.SIGNED_OUT: "log-out",
    NoticeKind.NEW_DEVICE: "monitor-smartphone",
    NoticeKind.FAILED_SIGN_INS: "shield-alert",
    NoticeKind.SECOND_FACTOR_RESET: "shield",
    NoticeKind.ORGANIZATION_SUSPENDED: "building-2",
    NoticeKind.ORGANIZATION_RESUMED: "building-2",
    NoticeKind.APPLICATION_TRANSFERRED: "box",
    NoticeKind.APPLICATION_SUSPENDED: "box",
    NoticeKind.APPLICATION_RESUMED: "box",
    NoticeKind.JWT_CREDENTIAL_CREATED: "key-round",
    NoticeKind.JWT_CREDENTIAL_REVOKED: "key-round",
    NoticeKind.JWT_CREDENTIALS_REVOKED: "key-round",
    NoticeKind.JWT_CREDENTIALS_EXPIRING: "clock",
    NoticeKind.JWT_CREDENTIALS_PAUSED: "circle-pause",
    NoticeKind.PAUSE_MISSED: "circle-pause",
    NoticeKind.PAUSE_UNMISSED: "circle-pause",
    NoticeKind.REFRESH_TOKEN_REUSED: "shield-alert",
    NoticeKind.ROTATION_STARTED: "refresh-cw",
    NoticeKind.ROTATION_CLOSING: "clock",
}


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> Self:
        return self.filter(read_at__isnull=True)

    def outdated(self, at: datetime | None = None) -> Self:
        at = at or timezone.now()
        return self.filter(
            models.Q(at__lt=at - NOTICES_KEPT)
            | models.Q(at__lt=at - READ_NOTICES_KEPT, read_at__isnull=False)
        )


class Notice(models.Model):
    """One sentence to one person in the console, with the page it is about.

    The sentence is written when it happens, and names things as they were called then.
    """

    NEWEST_FIRST: ClassVar = Order(("at", "id"), descending=True)

    id = models.BigAutoField(primary_key=True)
    # Indexed with the date, below.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="notices",
        db_index=False,
    )
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40, choices=notice_kinds)
    text = models.TextField()
    # A path of the console, without host.
    path = models.CharField(max_length=300)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-at", "-id"], name="notice_newest"),
            models.Index(
                fields=["user", "-at", "-id"],
                condition=models.Q(read_at__isnull=True),
                name="notice_unread",
            ),
            models.Index(fields=["at"], name="notice_by_age"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_unread(self) -> bool:
        return self.read_at is None

    @property
    def icon(self) -> str:
        return _ICONS.get(NoticeKind(self.kind), "user-round")
