from django import forms

from accounts.forms.lists import ListForm
from accounts.models import Notice

WHICH = [("", "All"), ("unread", "Unread")]


class NoticeListForm(ListForm):
    orders, default_order = {"-at": Notice.NEWEST_FIRST}, "-at"

    show = forms.ChoiceField(choices=WHICH, required=False)


class ReadAllForm(forms.Form):
    """`until` is the time when the page was made. Without it, all notices are marked as read."""

    until = forms.DateTimeField(required=False, widget=forms.HiddenInput)
