from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import QueryDict

from accounts.forms.lists import ListForm, UncheckedChoiceField
from accounts.models import AuditEvent, Organization
from accounts.models.audit import kinds_by_subject, target_types
from accounts.reports.audit_log import MAX_PEOPLE, Actors, WantedEvents, actors_matching


class MinuteField(forms.DateTimeField):
    """An optional time in UTC, to the minute."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        at: datetime | None = super().clean(value)
        # Times near the ends of the calendar can't move to another time zone.
        if at and not 1970 <= at.year <= 9000:
            raise forms.ValidationError("Enter a year from 1970 to 9000.")
        return at and at.astimezone(UTC)


class AuditListForm(ListForm):
    orders, default_order = {"-at": AuditEvent.NEWEST_FIRST}, "-at"
    page_size = 20

    person = forms.CharField(
        label="Person",
        required=False,
        max_length=100,
        widget=forms.TextInput({"placeholder": "Name or email"}),
    )
    kind = UncheckedChoiceField(label="Action", choices=kinds_by_subject)
    target_type = UncheckedChoiceField(label="Target type", choices=target_types)
    target = forms.CharField(
        label="Target",
        required=False,
        max_length=254,
        widget=forms.TextInput({"placeholder": "Exact name or ID"}),
    )
    since = MinuteField(label="From (UTC)")
    until = MinuteField(label="To (UTC)")

    def __init__(self, data: QueryDict, organization: Organization) -> None:
        self.organization = organization
        self.actors: Actors | None = None
        super().__init__(data)

    def clean_person(self) -> str:
        person: str = self.cleaned_data["person"]
        if person:
            self.actors = actors_matching(self.organization, person)
            if self.actors.are_too_many:
                self.actors = None
                raise forms.ValidationError(
                    f"More than {MAX_PEOPLE} people match. Enter more of the name or email."
                )
        return person

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", "Enter a time after “From”.")
        return self.cleaned_data

    @property
    def wanted(self) -> WantedEvents:
        words = ("person", "kind", "target_type", "target")
        return WantedEvents(
            **{name: self.value_of(name) for name in words},
            actors=self.actors,
            since=self.cleaned_data.get("since"),
            until=self.cleaned_data.get("until"),
        )
