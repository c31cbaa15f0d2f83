import uuid
from datetime import date, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import (
    Q,
)
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.environments import Environment, token_endpoint
from accounts.models import Extension, Membership, Organization
from credentials import jose
from credentials.models.app_access import AppAccess
from credentials.models.applications import Client
from credentials.models.expiration import EXPIRES_SOON, NEVER
from credentials.models.jwt_credential_queries import JwtCredentialQuerySet
from credentials.models.policies import Policy
from credentials.models.signing_keys import SigningKey

# The reason in the history of a credential that was reported.
LEAKED = "Reported as leaked"
# The last use of a credential that was never used. A date instead of NULL, so that lists by last
# use read one index in either direction.
NEVER_USED = date(1970, 1, 1)


def validate_ceiling(ceiling: object) -> None:
    # Which scopes it can list is decided by credentials/actions/ceilings.py, because credentials
    # keep scopes that the platform no longer offers.
    if not isinstance(ceiling, list) or not all(isinstance(scope, str) for scope in ceiling):
        raise ValidationError("A ceiling is a list of texts.")


class JwtCredential(models.Model):
    """The key that belongs to a user. The row holds the claims; the JWT itself is never stored.

    `id` is the JWT's `jti`. A revocation is a time, a person and a reason, never a delete.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A copy of the owner's, so that lists of an organization's credentials read one index.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="jwt_credentials"
    )
    extension = models.ForeignKey(
        Extension, on_delete=models.PROTECT, related_name="jwt_credentials"
    )
    signing_key = models.ForeignKey(
        SigningKey, on_delete=models.PROTECT, related_name="jwt_credentials"
    )
    issuer = models.CharField(max_length=200, editable=False)
    label = models.CharField(max_length=100)
    # What the search looks at. The database keeps it, so no action writes it.
    label_key = models.GeneratedField(
        expression=Lower("label"), output_field=models.CharField(max_length=100), db_persist=True
    )
    app_access = models.CharField(max_length=20, choices=AppAccess.choices)
    permitted_clients = models.ManyToManyField(
        Client, through="PermittedClient", related_name="permitting_credentials"
    )
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=NEVER)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # The day (UTC) of the last exchange; the minute is in the usage.
    last_used_on = models.DateField(default=NEVER_USED, editable=False)
    # It counts as refused often until then.
    refused_often_until = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revoked_reason = models.CharField(max_length=200, blank=True)
    # The moment another credential takes over for good: it may still move while a rotation is open.
    superseded_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A replacement that no app has exchanged yet: the first exchange starts the grace period.
    awaits_first_use = models.BooleanField(default=False, editable=False)
    # CIDR strings, IPv4 and IPv6, beside those of the policy; empty allows every address.
    allowed_networks = models.JSONField(default=list, blank=True)
    # App scopes, at most which a call can use, besides the scopes of the app; None for no ceiling.
    ceiling = models.JSONField(null=True, blank=True, validators=[validate_ceiling])
    # Exchanges and calls are refused until then (JWT-109, OAU-213).
    paused_until = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # When the pause first refused a request, and when we asked whether to revoke the credential.
    pause_missed_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The last reminder before expiry, in days left: 30, 7 or 1.
    reminded_days = models.PositiveSmallIntegerField(null=True, blank=True)
    submission_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    objects = JwtCredentialQuerySet.as_manager()

    # What `with_policy` adds; no policy if the organization has no limits.
    policy_is_read = False
    governing_policy: Policy | None = None
    # What `with_facts`, `with_permitted_count` and `with_some_apps` add.
    last_used_at: datetime | None
    last_call_at: datetime | None
    # What the questions about recent use and about what needs attention add.
    recent_calls: int
    recent_exchanges: int
    permitted_count: int
    # Annotation of `due_for_reminder`.
    due_days: int
    first_clients: list[Client]

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True, revoked_reason="")
                # A report of a leak has a reason, but no person.
                | Q(revoked_at__isnull=False)
                & (Q(revoked_by__isnull=False) | ~Q(revoked_reason="")),
                name="jwt_credential_revocation_whole",
            ),
            models.CheckConstraint(
                condition=Q(
                    paused_until__isnull=True, paused_at__isnull=True, paused_by__isnull=True
                )
                | Q(paused_until__isnull=False, paused_at__isnull=False, paused_by__isnull=False),
                name="jwt_credential_pause_whole",
            ),
            models.CheckConstraint(
                condition=Q(app_access__in=AppAccess.values), name="jwt_credential_access_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["extension", "-issued_at"], name="jwt_credential_by_owner"),
            models.Index(
                fields=["organization", "-issued_at", "-id"], name="jwt_credential_by_org"
            ),
            models.Index(
                fields=["organization", "label_key", "id"], name="jwt_credential_by_label"
            ),
            models.Index(fields=["expires_at"], name="jwt_credential_by_expiry"),
            models.Index(
                fields=["organization", "expires_at", "id"], name="jwt_credential_org_expiry"
            ),
            models.Index(
                fields=["organization", "last_used_on", "id"], name="jwt_credential_org_use"
            ),
            models.Index(
                fields=["superseded_at"],
                condition=Q(superseded_at__isnull=False, revoked_at__isnull=True),
                name="jwt_credential_closing",
            ),
            models.Index(
                fields=["paused_until"],
                condition=Q(
                    paused_until__isnull=False,
                    pause_missed_at__isnull=True,
                    pause_asked_at__isnull=True,
                ),
                name="jwt_credential_pause_unmissed",
            ),
            models.Index(
                fields=["organization", "refused_often_until"],
                condition=Q(refused_often_until__isnull=False),
                name="jwt_credential_org_refused",
            ),
            models.Index(
                fields=["signing_key", "expires_at"],
                condition=Q(revoked_at__isnull=True),
                name="jwt_credential_by_key",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def environment(self) -> Environment:
        return self.extension.environment

    @property
    def owner(self) -> Membership:
        membership: Membership = self.extension.user.membership
        return membership

    @property
    def never_expires(self) -> bool:
        return self.expires_at >= NEVER

    @property
    def was_used(self) -> bool:
        return self.last_used_on > NEVER_USED

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    def is_expired(self, at: datetime | None = None) -> bool:
        return self.expires_at <= (at or timezone.now())

    def is_paused(self, at: datetime | None = None) -> bool:
        return self.paused_until is not None and (at or timezone.now()) < self.paused_until

    def is_replaced(self, at: datetime | None = None) -> bool:
        """Whether a replacement ended it, even before `tick` writes the revocation."""
        until = self.revoked_at or at or timezone.now()
        return self.superseded_at is not None and self.superseded_at <= until

    def is_ended(self, at: datetime | None = None) -> bool:
        """Whether a person revoked or replaced it (JWT-102)."""
        return self.is_revoked or self.is_replaced(at)

    @property
    def is_being_replaced(self) -> bool:
        return self.superseded_at is not None and self.status == "active"

    @property
    def replaces_open(self) -> "JwtCredential | None":
        """What it is taking over from, while both are valid; lists read it `with_rotation`."""
        rotation = getattr(self, "rotation", None)
        return rotation.replaced if rotation is not None and rotation.is_open() else None

    @property
    def ends_at(self) -> datetime:
        """When it stops, as far as we know now. No token that comes from it lives longer."""
        return min(self.expires_at, self.superseded_at or self.expires_at)

    @property
    def status(self) -> str:
        if self.is_replaced():
            return "replaced"
        if self.is_revoked:
            return "revoked"
        return "expired" if self.is_expired() else "active"

    @property
    def expires_soon(self) -> bool:
        return self.status == "active" and self.expires_at - timezone.now() <= EXPIRES_SOON

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the JWT (RFC 7523 §3), in the order in which they are signed."""
        return {
            "iss": self.issuer,
            "sub": str(self.extension_id),
            "aud": token_endpoint(self.issuer),
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
            "jti": str(self.pk),
        }

    def encode(self) -> str:
        """The JWT, signed from the row: always the same string."""
        return jose.sign(
            self.claims,
            sealed_private_key=self.signing_key.sealed_private_key,
            kid=self.signing_key_id,
            token_type=jose.CREDENTIAL_TYPE,
        )

    @property
    def owner_can_authenticate(self) -> bool:
        """Whether the owner and the organization are active, and the owner has a developer role and
        an enabled extension (JWT-106).
        """
        extension = self.extension
        return (
            extension.user.is_active
            and extension.is_enabled
            and self.owner.is_developer
            and not extension.account.organization.is_suspended
        )

    @cached_property
    def policy(self) -> Policy:
        if not self.policy_is_read:
            return Policy.objects.governing(self.organization_id, self.environment)
        return self.governing_policy or Policy(
            organization_id=self.organization_id, environment=self.environment
        )

    def within_ceiling(self, scopes: frozenset[str]) -> frozenset[str]:
        """The part of these scopes that the ceiling includes; all of them without a ceiling."""
        if self.ceiling is None:
            return scopes
        return scopes & settings.PLATFORM.effective_scopes(self.ceiling)

    @property
    def ceiling_no_longer_offered(self) -> list[str]:
        """Scopes that the ceiling still lists, but that grant nothing."""
        return [scope for scope in self.ceiling or () if scope not in settings.PLATFORM.scopes]

    @property
    def limits_sources(self) -> bool:
        """Whether it matters from where an app calls."""
        return bool(self.allowed_networks or self.policy.allowed_networks)

    @property
    def usable_clients(self) -> models.QuerySet[Client]:
        """The clients that the allow-list names or implies, by app name."""
        clients = Client.objects.select_related("application__organization").order_by(
            "application__name"
        )
        if self.app_access == AppAccess.SPECIFIC:
            return clients.filter(permitted_by__credential=self)
        account = self.extension.account
        return clients.filter(
            environment=account.environment,
            application__organization_id=account.organization_id,
        )
