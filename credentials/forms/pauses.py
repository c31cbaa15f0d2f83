from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from accounts.forms.widgets import DescribedRadioSelect
from credentials.actions.expiration import end_of_day
from credentials.pauses import LONGEST_PAUSE

UNTIL_A_DAY = "date"
_LENGTHS = {
    timedelta(hours=1): "For 1 hour",
    timedelta(days=1): "For 1 day",
    timedelta(days=7): "For 1 week",
}


class PauseForm(forms.Form):
    length = forms.ChoiceField(
        label="How long?",
        choices=[
            *((str(int(length.total_seconds())), words) for length, words in _LENGTHS.items()),
            (UNTIL_A_DAY, "Until a date"),
        ],
        initial="86400",
        widget=DescribedRadioSelect(attrs={"class": "choices--row"}),
        error_messages={"required": "Choose how long the pause lasts."},
    )
    until = forms.DateField(
        label="Last day (UTC)",
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        help_text=(
            "The pause lasts until the end of this day. A pause can last at most "
            f"{LONGEST_PAUSE.days} days."
        ),
        error_messages={"invalid": "Enter a date like 2027-03-31."},
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        today = timezone.now().astimezone(UTC).date()
        last = today + LONGEST_PAUSE - timedelta(days=1)
        self.fields["until"].widget.attrs |= {"min": today.isoformat(), "max": last.isoformat()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("length") != UNTIL_A_DAY:
            # The page hides the field then, so a mistake in it doesn't matter.
            self.errors.pop("until", None)
        elif not self.has_error("until") and cleaned.get("until") is None:
            self.add_error("until", "Choose a date.")
        return cleaned

    def ends_at(self, at: datetime) -> datetime:
        """Raises `ValidationError` for a day in the past."""
        if self.cleaned_data["length"] == UNTIL_A_DAY:
            day: date = self.cleaned_data["until"]
            return end_of_day(day, at, field="until")
        return at + timedelta(seconds=int(self.cleaned_data["length"]))
