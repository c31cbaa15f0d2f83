from django import forms

from accounts.forms.texts import NoteField


class RevokeJwtCredentialForm(forms.Form):
    reason = NoteField(
        max_length=200,
        widget=forms.TextInput(
            attrs={"placeholder": "For example: the contract with the agency ended"}
        ),
        help_text="We’ll add it to the credential’s history and include it in the email to "
        "the owner.",
        error_messages={"required": "Enter the reason for revoking it."},
    )
