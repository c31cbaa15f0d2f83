from django import forms

from accounts.forms.memberships import ROLES_WITH_ACCESS, role_field
from accounts.forms.texts import NoteField


class RequestAccessForm(forms.Form):
    reason = NoteField(
        label="What do you want to build?",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Your account administrators read this with your request.",
    )


class ApproveForm(forms.Form):
    role = role_field(ROLES_WITH_ACCESS)


class DeclineForm(forms.Form):
    reason = NoteField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="We’ll show this to the requester, by email and in the console.",
    )
