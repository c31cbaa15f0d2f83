import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedRadioSelect
from credentials.actions.rotations import DRAINS
from credentials.models import JwtCredential, Policy, Rotation

_DRAIN_WORDS = dict(zip(DRAINS, ("1 hour", "24 hours", "7 days"), strict=True))
DEFAULT_DRAIN = timedelta(hours=24)
_DEADLINES = {7: "In 7 days", 30: "In 30 days", 90: "In 90 days"}
DEFAULT_DEADLINE = 30
ON_A_DAY = "day"


def seconds(time: timedelta) -> str:
    return str(int(time.total_seconds()))


def _day_field(label: str, **kwargs: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={
            "invalid": "Enter a date like 2027-03-31.",
            "required": "Choose a date.",
        },
        **kwargs,
    )


class RotateForm(forms.Form):
    """A replacement of the same shape, and how long the old credential goes on."""

    label = NoteField(
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Where you use this key, so that you recognize it later.",
        error_messages={"required": "Give the credential a label."},
    )
    expires_on = _day_field("Expiration Date (UTC)")
    drain = forms.ChoiceField(
        label="Once an app uses the new one, the old one goes on for",
        choices=[(seconds(time), words) for time, words in _DRAIN_WORDS.items()],
        initial=seconds(DEFAULT_DRAIN),
        widget=forms.RadioSelect(attrs={"class": "choices--segmented"}),
        help_text=(
            "The time that all your apps and machines need to take the new one, after the first "
            "of them did."
        ),
        error_messages={"required": "Choose a time."},
    )
    deadline = forms.ChoiceField(
        label="In any case the old one ends",
        choices=[(str(days), words) for days, words in _DEADLINES.items()]
        + [(ON_A_DAY, "On a date of my choice")],
        initial=str(DEFAULT_DEADLINE),
        widget=DescribedRadioSelect(attrs={"class": "choices--row"}),
        error_messages={"required": "Choose a deadline."},
    )
    deadline_on = _day_field(
        "Date (UTC)", help_text="The old one works until the end of this day at the latest."
    )
    submission_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(
        self, data: QueryDict | None = None, *, credential: JwtCredential, **kwargs: Any
    ) -> None:
        at = timezone.now()
        super().__init__(
            data.copy() if data is not None else None,
            initial={
                "label": credential.label,
                "expires_on": _as_long(credential, credential.policy, at),
            },
            **kwargs,
        )
        self.credential = credential
        today = at.astimezone(UTC).date().isoformat()
        self._limit_expiry(credential.policy, at, today)
        self.fields["deadline_on"].widget.attrs["min"] = today
        if not credential.never_expires:
            last = credential.expires_at.astimezone(UTC).date().isoformat()
            self.fields["deadline_on"].widget.attrs["max"] = last
            self.fields["deadline"].help_text = f"Never after its own expiration date, {last}."

    def _limit_expiry(self, policy: Policy, at: datetime, today: str) -> None:
        field = self.fields["expires_on"]
        field.widget.attrs["min"] = today
        words = f"The old one {_life_words(self.credential)}. The new one works until the end of "
        field.help_text = f"{words}this day; without a date it never expires."
        if not policy.needs_expiry:
            return
        field.required = True
        field.error_messages["required"] = "Your organization's policy requires an expiration date."
        field.help_text = f"{words}this day. Required by your organization's policy"
        if (latest := policy.latest_day(at)) is not None:
            field.widget.attrs["max"] = latest.isoformat()
            field.help_text += f", {latest:%Y-%m-%d} at the latest"
        field.help_text += "."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        day = cleaned.get("deadline_on")
        if cleaned.get("deadline") != ON_A_DAY:
            # The field is not shown then, so whatever is in it is no mistake.
            self.errors.pop("deadline_on", None)
            return cleaned
        if self.has_error("deadline_on"):
            return cleaned
        if day is None:
            self.add_error("deadline_on", "Choose a date.")
        elif day > self.credential.expires_at.astimezone(UTC).date():
            self.add_error(
                "deadline_on",
                f"The old one expires on {self.credential.expires_at:%Y-%m-%d}. Choose that day or "
                "earlier.",
            )
        return cleaned

    @property
    def deadline_choice(self) -> date | timedelta:
        chosen = self.cleaned_data["deadline"]
        if chosen == ON_A_DAY:
            day: date = self.cleaned_data["deadline_on"]
            return day
        return timedelta(days=int(chosen))

    @property
    def drain_choice(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["drain"]))

    def refuse(self, error: ValidationError) -> None:
        """Say what the action found: beside its field, or above the form if it has none here."""
        found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for name, messages in found.items():
            field = self.fields.get(name)
            visible = field is not None and not field.widget.is_hidden
            self.add_error(name if visible else None, messages)
        if "submission_key" in found and isinstance(self.data, QueryDict):
            self.data["submission_key"] = str(uuid.uuid4())


def _as_long(credential: JwtCredential, policy: Policy, at: datetime) -> date | None:
    """The last day of a credential that lives as long, or as long as the policy allows."""
    latest = policy.latest_day(at)
    if credential.never_expires:
        return latest
    same = at.astimezone(UTC).date() + _days_of_life(credential)
    return same if latest is None else min(same, latest)


def _days_of_life(credential: JwtCredential) -> timedelta:
    first, last = credential.issued_at.astimezone(UTC), credential.expires_at.astimezone(UTC)
    return last.date() - first.date()


def _life_words(credential: JwtCredential) -> str:
    if credential.never_expires:
        return "never expires"
    days = _days_of_life(credential).days
    return f"was made for {days} day{'' if days == 1 else 's'}" if days else "was made for a day"


class RotationDecisionForm(forms.Form):
    """Confirms undo or finish as the person saw it: whether the replacement was in use."""

    was_used = forms.TypedChoiceField(
        choices=[("yes", "Yes"), ("no", "No")],
        coerce=lambda value: value == "yes",
        widget=forms.HiddenInput,
    )

    def __init__(self, data: QueryDict | None = None, *, rotation: Rotation) -> None:
        seen = "no" if rotation.first_used_at is None else "yes"
        super().__init__(data, initial={"was_used": seen})


class ExtendRotationForm(forms.Form):
    until = _day_field("Last day (UTC)")

    def __init__(self, data: QueryDict | None = None, *, rotation: Rotation) -> None:
        super().__init__(data)
        field = self.fields["until"]
        field.required = True
        field.widget.attrs["min"] = rotation.closes_at.astimezone(UTC).date().isoformat()
        last = rotation.latest_end.astimezone(UTC).date().isoformat()
        field.widget.attrs["max"] = last
