from django import forms

from accounts.forms.texts import SeenTextField


class ProfileForm(forms.Form):
    first_name = SeenTextField(
        max_length=80, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = SeenTextField(
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
