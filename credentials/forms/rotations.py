import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from accounts.forms.submissions import add_errors
from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedRadioSelect
from core.moments import day_in_words
from credentials.actions.rotations import GRACE_PERIODS
from credentials.forms.policy_limits import limit_fields
from credentials.models import JwtCredential, Policy, Rotation
from credentials.policy_rules import Stage

_GRACE_PERIOD_WORDS = dict(zip(GRACE_PERIODS, ("1 hour", "24 hours", "7 days"), strict=True))
DEFAULT_GRACE_PERIOD = timedelta(hours=24)
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
    """The replacement, and how long the old credential works."""

    label = NoteField(
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Where you use this credential, so you can recognize it later.",
        error_messages={"required": "Give the credential a label."},
    )
    expires_on = _day_field("Expiration Date (UTC)")
    grace_period = forms.ChoiceField(
        label="Grace period",
        choices=[(seconds(time), words) for time, words in _GRACE_PERIOD_WORDS.items()],
        initial=seconds(DEFAULT_GRACE_PERIOD),
        widget=forms.RadioSelect(attrs={"class": "choices--segmented"}),
        help_text=(
            "How long the old credential keeps working after the first use of the replacement. "
            "Choose the time you need to update all your apps and servers."
        ),
        error_messages={"required": "Choose a grace period."},
    )
    deadline = forms.ChoiceField(
        label="Deadline",
        choices=[(str(days), words) for days, words in _DEADLINES.items()]
        + [(ON_A_DAY, "On a specific date")],
        initial=str(DEFAULT_DEADLINE),
        widget=DescribedRadioSelect(attrs={"class": "choices--row"}),
        help_text="The old credential stops working then, even if no app uses the replacement.",
        error_messages={"required": "Choose a deadline."},
    )
    deadline_on = _day_field(
        "Date (UTC)", help_text="The old credential works until the end of the day you choose."
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
        self.fields["expires_on"].help_text = (
            "Optional: without a date, the replacement never expires. "
            f"{_life_words(credential)} The replacement works until the end of the day you choose."
        )
        policies = {credential.environment: credential.policy}
        limit_fields(self, policies, Stage.CREATION, at)
        self.fields["deadline_on"].widget.attrs["min"] = at.astimezone(UTC).date().isoformat()
        if not credential.never_expires:
            last = credential.expires_at.astimezone(UTC).date().isoformat()
            self.fields["deadline_on"].widget.attrs["max"] = last
            self.fields["deadline"].help_text = (
                f"The old credential expires on {day_in_words(credential.expires_at)}, so the "
                "deadline can’t be later."
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        day = cleaned.get("deadline_on")
        if cleaned.get("deadline") != ON_A_DAY:
            # The page hides the field then, so a mistake in it doesn't matter.
            self.errors.pop("deadline_on", None)
            return cleaned
        if self.has_error("deadline_on"):
            return cleaned
        if day is None:
            self.add_error("deadline_on", "Choose a date.")
        elif day > self.credential.expires_at.astimezone(UTC).date():
            self.add_error(
                "deadline_on",
                f"The old credential expires on {day_in_words(self.credential.expires_at)}. Choose "
                "that day or an earlier one.",
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
    def grace_period_choice(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["grace_period"]))

    def refuse(self, error: ValidationError) -> None:
        """Show the errors of the action, and let the form be sent again with a new key."""
        add_errors(self, error)
        if "submission_key" in getattr(error, "error_dict", {}):
            assert isinstance(self.data, QueryDict)  # noqa: S101 - a bound form
            self.data["submission_key"] = str(uuid.uuid4())


def _as_long(credential: JwtCredential, policy: Policy, at: datetime) -> date | None:
    """The day that gives the replacement the same lifetime, as far as the policy allows."""
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
        return "The old credential never expires."
    days = max(1, _days_of_life(credential).days)
    return f"The old credential has a lifetime of {days} day{'' if days == 1 else 's'}."


class RotationDecisionForm(forms.Form):
    """Whether the person saw, when confirming, that the replacement is in use."""

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
