from django import forms

from accounts.forms.lists import ListForm
from accounts.models import Notice

WHICH = [("", "All"), ("unread", "Unread")]


class NoticeListForm(ListForm):
    orders, default_order = {"-at": Notice.NEWEST_FIRST}, "-at"

    show = forms.ChoiceField(choices=WHICH, required=False)


class ReadAllForm(forms.Form):
    """`until` is the moment at which the page was made; without it, all are meant."""

    until = forms.DateTimeField(required=False, widget=forms.HiddenInput)
