from typing import Any

from django import forms

WHICH = [("", "All"), ("unread", "Unread")]


class NoticeListForm(forms.Form):
    """Which notices, and from which on; what makes no sense asks for the first page of all."""

    show = forms.ChoiceField(choices=WHICH, required=False)
    after = forms.IntegerField(required=False)
    before = forms.IntegerField(required=False)

    @property
    def wanted(self) -> dict[str, Any]:
        self.is_valid()
        return self.cleaned_data


class ReadAllForm(forms.Form):
    """`until` is the moment at which the page was made; without it, all are meant."""

    until = forms.DateTimeField(required=False, widget=forms.HiddenInput)
