from django import forms

from accounts.forms.texts import NoteField


class RevokeJwtCredentialForm(forms.Form):
    reason = NoteField(
        max_length=200,
        widget=forms.TextInput(
            attrs={"placeholder": "For example: the contract with the agency ended"}
        ),
        help_text="Kept in the history of the credential and told to its owner.",
        error_messages={"required": "Say in a few words why you revoke it."},
    )
