"""The choice of app scopes, grouped by API, for apps and for the ceiling of a credential."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from django import forms
from django.conf import settings
from django.urls import reverse

from accounts.forms.widgets import FilteredCheckboxSelectMultiple
from accounts.platform.wording import NO_LONGER_OFFERED


class ScopesField(forms.MultipleChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=FilteredCheckboxSelectMultiple(), **options)

    def offer(self, *, no_longer_offered: Sequence[str] = ()) -> None:
        """Offer the scopes of the platform, and the ones to clear that it no longer offers."""
        groups = [
            (label, [(scope.id, scope.label) for scope in scopes])
            for label, scopes in settings.PLATFORM.scopes_by_api.items()
        ]
        if no_longer_offered:
            groups.append(("No longer offered", [(scope, scope) for scope in no_longer_offered]))
        self.choices = groups
        widget = self.widget
        assert isinstance(widget, FilteredCheckboxSelectMultiple)  # noqa: S101 - made above
        offered = settings.PLATFORM.scopes
        widget.descriptions = {
            **{scope.id: scope.description for scope in offered.values()},
            **dict.fromkeys(no_longer_offered, f"{NO_LONGER_OFFERED} Clear it to remove it."),
        }
        widget.links = {scope: _links_to_operations(scope) for scope in offered}


def _links_to_operations(scope: str) -> list[tuple[str, str]]:
    """Links to the operations that need a scope, in the reference of each API."""
    return [
        (f"{reverse('reference_api', args=[api])}?q={quote(scope)}", f"{label} operations")
        for api, label in settings.PLATFORM.apis_asking_for(scope)
    ]
