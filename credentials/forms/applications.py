import uuid
from datetime import timedelta
from typing import Any

from django import forms

from accounts.forms.lists import ListForm
from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedCheckboxSelectMultiple, DescribedRadioSelect
from accounts.permissions import SCOPE_DESCRIPTIONS, AppScope
from credentials.models import Application

_OVERLAP_WORDS = {
    "0": "At once",
    "3600": "In 1 hour",
    "86400": "In 24 hours",
    "604800": "In 7 days",
    "2592000": "In 30 days",
}
PRIVATE, PUBLIC = "private", "public"
YES, NO = "yes", "no"


def _is_public(value: str) -> bool:
    return value == PUBLIC


def _is_yes(value: str) -> bool:
    return value == YES


class ApplicationForm(forms.Form):
    """The settings of an app; its field names are those of the model and the actions."""

    name = NoteField(
        label="App name",
        max_length=100,
        help_text="People see this name when they permit the app to use their credentials.",
    )
    description = NoteField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What the app does, for your teammates and for those who may permit it.",
    )
    is_public = forms.TypedChoiceField(
        label="Who may use this app?",
        choices=[(PRIVATE, "Private"), (PUBLIC, "Public")],
        coerce=_is_public,
        initial=PRIVATE,
        widget=DescribedRadioSelect(
            attrs={"class": "choices--cards"},
            descriptions={
                PRIVATE: "Only people of your organization can use their credentials with it.",
                PUBLIC: "People of other organizations can add it to their credentials as well.",
            },
        ),
    )
    uses_jwt_flow = forms.BooleanField(
        label="JWT auth flow",
        required=False,
        initial=True,
        help_text="This authentication method is recommended for server-side apps that do not "
        "have a user interface (e.g. scripts, cronjobs, daemons, and other command-line tools), "
        "as well as applications that are accessed by way of an “API key.” An app without it "
        "can’t exchange a JWT for an access token.",
    )
    issues_refresh_tokens = forms.TypedChoiceField(
        label="Issue refresh tokens?",
        choices=[(YES, "Yes"), (NO, "No")],
        coerce=_is_yes,
        initial=YES,
        widget=forms.RadioSelect(attrs={"class": "choices--segmented"}),
        help_text="A refresh token lets the app extend its session without presenting the JWT "
        "again.",
    )
    scopes = forms.MultipleChoiceField(
        label="Application scopes",
        required=False,
        choices=AppScope.choices,
        initial=[AppScope.READ_ACCOUNTS.value],
        widget=DescribedCheckboxSelectMultiple(
            descriptions={scope.value: text for scope, text in SCOPE_DESCRIPTIONS.items()}
        ),
        help_text="Ask for no more than the app needs. What a call may do is limited further by "
        "the user permissions of the person whose credential it is.",
    )

    @property
    def settings(self) -> dict[str, Any]:
        """The cleaned settings, as keyword arguments of the actions."""
        return {name: self.cleaned_data[name] for name in ApplicationForm.base_fields}


class ApplicationListForm(ListForm):
    orders, default_order = {"-created": Application.NEWEST_FIRST}, "-created"


class CreateApplicationForm(ApplicationForm):
    # Names this submission, so that a double click registers one app.
    submission_key = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)


class ApplicationSettingsForm(ApplicationForm):
    """The same, filled with an app's settings, warning of what a change would end."""

    def __init__(self, data: Any = None, *, application: Application, guests: int = 0) -> None:
        initial = {
            "name": application.name,
            "description": application.description,
            "is_public": PUBLIC if application.is_public else PRIVATE,
            "uses_jwt_flow": application.uses_jwt_flow,
            "issues_refresh_tokens": YES if application.issues_refresh_tokens else NO,
            "scopes": application.scopes,
        }
        super().__init__(data, initial=initial)
        if application.is_public:
            self.fields["is_public"].help_text = _private_warning(guests)
        self.fields["scopes"].help_text = (
            "Taking a scope away counts at the app’s next call, also for access tokens that it "
            "already holds. A scope you add is in the access tokens issued from then on."
        )


def _private_warning(guests: int) -> str:
    held = {0: "No credential", 1: "One credential"}.get(guests, f"{guests} credentials")
    verb = "lists" if guests <= 1 else "list"
    return (
        "Making a public app private ends its use with credentials of other organizations at "
        f"their next request. {held} of other organizations {verb} it at present."
    )


class ReplaceSecretForm(forms.Form):
    """Confirms the replacement of the secret that the person saw, and of no later one."""

    issued_at = forms.DateTimeField(widget=forms.HiddenInput)
    overlap = forms.TypedChoiceField(
        label="When does the present secret stop?",
        choices=list(_OVERLAP_WORDS.items()),
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        initial="86400",
        widget=DescribedRadioSelect(
            descriptions={
                "0": "If it may have leaked, or nothing uses it. Until the app has the new secret "
                "it can get no access token.",
                "86400": "Both secrets work meanwhile, so the app goes on while you change it.",
            }
        ),
        error_messages={"required": "Choose when the present secret stops."},
    )


class EndFormerSecretForm(forms.Form):
    """Confirms the end of the former secret that the person saw, and of no later one."""

    issued_at = forms.DateTimeField(widget=forms.HiddenInput)
