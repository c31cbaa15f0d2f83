from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.environments import Environment
from accounts.platform.catalog import OPERATION_ID_LENGTH
from credentials.error_codes import ErrorCode, entry_of
from credentials.models.applications import Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.refused import CheckName

KEPT = timedelta(days=14)
# A credential with this many refusals within this time is refused often.
OFTEN = 10
OFTEN_WITHIN = timedelta(days=7)


class RefusedWhat(models.TextChoices):
    EXCHANGE = "exchange", "Exchange of a JWT credential"
    REFRESH = "refresh", "Refresh"
    CLIENT_REQUEST = "client_request", "Request about a token"
    CALL = "call", "Call of the REST API"
    VERIFY = "verify", "Question of a proxy"
    GATEWAY = "gateway", "Call through a gateway"
    REPORTED = "reported", "Call that an API refused itself"


CALL_KINDS = (RefusedWhat.CALL, RefusedWhat.VERIFY, RefusedWhat.GATEWAY, RefusedWhat.REPORTED)


@dataclass(frozen=True, slots=True)
class Refused:
    """The columns of a `Refusal` that is waiting to be written, with the credential ID as text."""

    request_id: str
    at: datetime
    environment: str
    what: str
    method: str
    path: str
    status: int
    error: str
    code: str
    message: str
    check_name: str
    reason: str
    presented_client_id: str
    is_authentic: bool
    credential_id: str
    missing: str
    address: str | None
    api: str = ""
    operation: str = ""


class RefusalQuerySet(models.QuerySet["Refusal"]):
    def of_credential(self, credential: JwtCredential) -> Self:
        return self.filter(credential=credential.pk).order_by("-id")

    def of_clients(self, clients: Iterable[Client]) -> Self:
        return self.filter(client__in=[client.pk for client in clients]).order_by("-id")

    def with_facts(self) -> Self:
        return self.select_related(
            "client__application__organization",
            "client__application__owner",
            "credential__extension__user__membership",
            "credential__extension__account__organization",
            "credential__revoked_by",
        )

    def too_old(self, at: datetime | None = None) -> Self:
        return self.filter(at__lt=(at or timezone.now()) - KEPT)


class Refusal(models.Model):
    """One request that an API refused, without tokens, secrets and bodies. No check reads it.

    A background thread writes it some seconds later. The database doesn't check its foreign keys,
    so that one wrong row can't lose a whole batch.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    request_id = models.CharField(max_length=64)
    environment = models.CharField(max_length=10, choices=Environment.choices)
    what = models.CharField(max_length=20, choices=RefusedWhat.choices)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField()
    error = models.CharField(max_length=40, blank=True)
    # Empty for a call that an API itself refused for another reason.
    code = models.CharField(max_length=10, blank=True)
    message = models.CharField(max_length=300)
    check_name = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=30, blank=True)
    presented_client_id = models.CharField(max_length=64, blank=True)
    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+",
        db_index=False,
    )  # fmt: skip
    # Whether the client proved its identity. Anyone can send a client ID.
    is_authentic = models.BooleanField(default=False)
    credential = models.ForeignKey(
        JwtCredential, on_delete=models.DO_NOTHING, db_constraint=False, null=True,
        related_name="+", db_index=False,
    )  # fmt: skip
    missing = models.CharField(max_length=300, blank=True)
    # IDs from the platform file and the API's document. They stay when the file no longer has them.
    # The built-in API has no ID here.
    api = models.CharField(max_length=100, blank=True)
    operation = models.CharField(max_length=OPERATION_ID_LENGTH, blank=True)
    address = models.GenericIPAddressField(null=True)

    objects = RefusalQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["request_id"], name="refusal_by_request"),
            models.Index(fields=["credential", "-id"], name="refusal_by_credential"),
            models.Index(fields=["client", "-id"], name="refusal_by_client"),
            models.Index(fields=["at"], name="refusal_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.request_id}"

    @property
    def is_call(self) -> bool:
        return self.what in CALL_KINDS

    @property
    def is_anonymous(self) -> bool:
        return not self.is_authentic and self.credential_id is None

    @property
    def entry(self) -> ErrorCode | None:
        return entry_of(self.code, self.error, rest=self.is_call)

    @property
    def failed_check(self) -> CheckName | None:
        """The check that the API recorded, or else the usual one for the error code."""
        if self.check_name:
            return CheckName(self.check_name)
        return self.entry.check if self.entry else None
