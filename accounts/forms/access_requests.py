from django import forms


class RequestAccessForm(forms.Form):
    reason = forms.CharField(
        label="What do you want to build?",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Your account administrators see this with your request.",
    )
