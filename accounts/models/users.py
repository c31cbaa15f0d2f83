import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

# How exact `last_active_at` is, so that not every page writes it.
ACTIVITY_NOTED_EVERY = timedelta(minutes=5)


def named(text: str) -> models.Q:
    """A condition for rows with a `user` whose name or email contains each word of the text."""
    condition = models.Q()
    for word in text.split():
        condition &= (
            models.Q(user__first_name__icontains=word)
            | models.Q(user__last_name__icontains=word)
            | models.Q(user__email__icontains=word)
        )
    return condition


class UserManager(BaseUserManager["User"]):
    def note_activity(self, user: "User", *, at: datetime | None = None) -> None:
        # Writes only if the last note is old, so that viewing a page rarely costs a write.
        at = at or timezone.now()
        stale = at - ACTIVITY_NOTED_EVERY
        if user.last_active_at is None or user.last_active_at < stale:
            self.filter(
                models.Q(last_active_at__isnull=True) | models.Q(last_active_at__lt=stale),
                pk=user.pk,
            ).update(last_active_at=at)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in with an email address, and is deactivated instead of deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("email", max_length=254, unique=True)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("operator", default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    last_active_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["first_name"]

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="There is already a person with this email address.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def organization_id(self) -> uuid.UUID | None:
        membership = getattr(self, "membership", None)
        return membership and membership.organization_id

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.first_name
