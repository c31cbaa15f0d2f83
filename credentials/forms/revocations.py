from django import forms

from accounts.forms.texts import NoteField


class RevokeJwtCredentialForm(forms.Form):
    reason = NoteField(
        max_length=200,
        widget=forms.TextInput(
            attrs={"placeholder": "For example: the contract with the agency ended"}
        ),
        help_text="We add it to the credential’s history and to the email to its owner.",
        error_messages={"required": "Enter the reason for revoking it."},
    )
