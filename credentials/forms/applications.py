import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from accounts.forms.lists import HiddenEnvironmentField, ListForm
from accounts.forms.texts import NoteField
from accounts.forms.widgets import DescribedRadioSelect
from core.docs_links import docs_path, with_docs
from credentials.forms.scopes import ScopesField
from credentials.models import Application

_OVERLAP_WORDS = {
    "0": "Immediately",
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
    """The settings of an app, with the field names of the model and the actions."""

    name = NoteField(
        label="App name",
        max_length=100,
        help_text="People see this name when they allow the app to use their credentials.",
    )
    description = NoteField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown to your teammates and to anyone who authorizes the app. Explain what it "
        "does.",
    )
    is_public = forms.TypedChoiceField(
        label="Who can use this app?",
        choices=[(PRIVATE, "Private"), (PUBLIC, "Public")],
        coerce=_is_public,
        initial=PRIVATE,
        widget=DescribedRadioSelect(
            attrs={"class": "choices--cards"},
            descriptions={
                PRIVATE: "Only people in your organization can use their credentials with it.",
                PUBLIC: "People in other organizations can also add it to their credentials.",
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
        help_text=with_docs(
            "A refresh token lets the app extend its session without presenting the JWT again.",
            "How sessions are refreshed",
            docs_path("reference/auth-api", "refresh"),
        ),
    )
    scopes = ScopesField(
        label="Application scopes",
        help_text=with_docs(
            "Choose only what the app needs. The user permissions of the credential’s owner "
            "further limit what a call can do.",
            "Scopes and permissions",
            docs_path(
                "explanation/how-it-fits-together",
                "scopes-and-permissions-are-two-different-limits",
            ),
        ),
    )

    def __init__(
        self, data: Any = None, *, initial: Any = None, no_longer_offered: Sequence[str] = ()
    ) -> None:
        first = list(settings.PLATFORM.scopes)[:1]
        super().__init__(data, initial={"scopes": first, **(initial or {})})
        field = self.fields["scopes"]
        assert isinstance(field, ScopesField)  # noqa: S101 - declared above
        field.offer(no_longer_offered=no_longer_offered)

    @property
    def settings(self) -> dict[str, Any]:
        """The cleaned settings, as keyword arguments of the actions."""
        return {name: self.cleaned_data[name] for name in ApplicationForm.base_fields}


class ApplicationListForm(ListForm):
    orders, default_order = {"-created": Application.NEWEST_FIRST}, "-created"

    environment = HiddenEnvironmentField()


class CreateApplicationForm(ApplicationForm):
    # Identifies this submission, so that a double click registers only one app.
    submission_key = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)


class ApplicationSettingsForm(ApplicationForm):
    """The same form with an app's settings and warnings about changes that stop something."""

    def __init__(self, data: Any = None, *, application: Application, guests: int = 0) -> None:
        initial = {
            "name": application.name,
            "description": application.description,
            "is_public": PUBLIC if application.is_public else PRIVATE,
            "uses_jwt_flow": application.uses_jwt_flow,
            "issues_refresh_tokens": YES if application.issues_refresh_tokens else NO,
            "scopes": application.scopes,
        }
        super().__init__(
            data, initial=initial, no_longer_offered=application.scopes_no_longer_offered
        )
        if application.is_public:
            self.fields["is_public"].help_text = _private_warning(guests)
        self.fields["uses_jwt_flow"].help_text = (
            f"{self.fields['uses_jwt_flow'].help_text} If you turn it off, the app’s access "
            "tokens and refresh tokens stop working, too."
        )
        self.fields["issues_refresh_tokens"].help_text = (
            f"{self.fields['issues_refresh_tokens'].help_text} If you turn this off, refresh "
            "tokens that the app already has stop working."
        )
        self.fields["scopes"].help_text = (
            "If you remove a scope, the change applies to the app’s next call, even with access "
            "tokens that it already has. If you add a scope, only new access tokens include it."
        )


def _private_warning(guests: int) -> str:
    held = {0: "No credential", 1: "One credential"}.get(guests, f"{guests} credentials")
    verb = "lists" if guests <= 1 else "list"
    return (
        "If you make the app private, credentials in other organizations can no longer use it, "
        f"starting with their next request. {held} in other organizations {verb} it now."
    )


class _ShownSecretField(forms.DateTimeField):
    """When the secret that the page shows was issued."""

    widget = forms.HiddenInput

    def bound_data(self, data: object, initial: object) -> object:
        # A page that appears again shows the secrets of now, and confirms those.
        return initial


class ReplaceSecretForm(forms.Form):
    """Confirms that the person replaces the secret that the page showed, not a newer one."""

    issued_at = _ShownSecretField()
    overlap = forms.TypedChoiceField(
        label="When does the current secret stop working?",
        choices=list(_OVERLAP_WORDS.items()),
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        initial="86400",
        widget=DescribedRadioSelect(
            descriptions={
                "0": "Choose this if the secret might have leaked or nothing uses it. The app "
                "can’t get access tokens until it has the new secret.",
                "86400": "Both secrets work until then, so the app keeps working while you "
                "update it.",
            }
        ),
        error_messages={"required": "Choose when the current secret stops working."},
    )


class EndFormerSecretForm(forms.Form):
    """Confirms that the person ends the secret that the page showed, not a newer one."""

    issued_at = _ShownSecretField()
