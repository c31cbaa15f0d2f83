"""The list of organizations, and what operators see and do about one of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.db.models import OuterRef, QuerySet, Sum
from django.http import QueryDict
from django.utils import timezone

from accounts.forms.lists import ListForm, SearchField, UncheckedChoiceField
from accounts.forms.texts import AddressField, NoteField, SeenTextField
from accounts.models import Organization
from accounts.reports.organizations import (
    ORGANIZATION_ORDERS,
    STATES,
    counted,
    listed_organizations,
    wanted_organizations,
)
from credentials.models import Application, Client, JwtCredential
from credentials.models.usage import ExchangeUsage

APPS_SHOWN = 50
RECENT = timedelta(days=30)


class OrganizationListForm(ListForm):
    orders = ORGANIZATION_ORDERS
    default_order = "name"
    states: ClassVar = STATES

    q = SearchField(label="Name, client ID, or credential ID")
    state = UncheckedChoiceField(label="State", choices=STATES)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.everyone = _with_size(listed_organizations())

    @property
    def wanted(self) -> QuerySet[Organization]:
        text, state = self.value_of("q"), self.value_of("state")
        holder = holder_of(text)
        if holder is not None:
            return self.everyone.filter(pk=holder)
        return wanted_organizations(self.everyone, text=text, state=state)


def _with_size(organizations: QuerySet[Organization]) -> QuerySet[Organization]:
    apps = Application.objects.in_service().filter(organization=OuterRef("pk"))
    credentials = JwtCredential.objects.filter(
        organization=OuterRef("pk"), revoked_at__isnull=True, expires_at__gt=timezone.now()
    )
    return organizations.annotate(apps=counted(apps), credentials=counted(credentials))


def credential_with(text: str) -> JwtCredential | None:
    """The credential with this ID."""
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    credentials = JwtCredential.objects.select_related("organization", "extension__user")
    return credentials.filter(pk=wanted).first()


def holder_of(text: str) -> UUID | None:
    """The organization whose client ID or credential ID this is."""
    client = Client.objects.filter(client_id=text).select_related("application").first()
    if client is not None:
        return client.application.organization_id
    credential = credential_with(text)
    return credential.organization_id if credential else None


def apps_of(organization: Organization) -> list[Application]:
    apps = organization.applications.in_service().select_related("owner", "organization")
    return list(apps.prefetch_related("clients").order_by("-created_at", "pk")[:APPS_SHOWN])


@dataclass(frozen=True)
class OrganizationUse:
    """What an organization has and did in the last thirty days."""

    people: int
    apps: int
    credentials: int
    exchanges: int


def use_of(organization: Organization) -> OrganizationUse:
    sized: Any = _with_size(listed_organizations()).get(pk=organization.pk)
    since = timezone.now().date() - RECENT
    exchanges = ExchangeUsage.objects.filter(
        credential__organization=organization, day__gte=since
    ).aggregate(sum=Sum("exchanges"))
    return OrganizationUse(sized.people, sized.apps, sized.credentials, exchanges["sum"] or 0)


class ReasonForm(forms.Form):
    reason = NoteField(max_length=200, help_text="The people we email about this see it.")


class AdministratorForm(forms.Form):
    email = AddressField(
        label="Email",
        max_length=254,
        help_text="A new person joins as account administrator. A member becomes one.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class NameForm(forms.Form):
    name = SeenTextField(max_length=120)
