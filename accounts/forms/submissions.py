"""How every page handles a form that someone sends.

    form = InviteForm(posted(request), initial={...})
    if form.is_valid():
        with errors_on(form):
            invite(..., actor=viewer.user, origin=Origin.of(request))
            messages.success(request, "...")
            return redirect(...)
    return render(request, "...", {"form": form})

The action checks every rule. If it refuses, the page appears again, with each error beside its
field and with everything that was typed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, QueryDict


def posted(request: HttpRequest) -> QueryDict | None:
    """The data that was sent, or None when the page is only viewed."""
    return request.POST if request.method == "POST" else None


def refill(form: forms.Form, entries: QueryDict | None) -> None:
    """Show what was typed before an interruption, unchecked. Hidden fields begin anew."""
    for bound in form.visible_fields() if entries is not None else ():
        widget = bound.field.widget
        form.initial[bound.name] = widget.value_from_datadict(entries or {}, {}, bound.html_name)


def add_errors(form: forms.Form, error: ValidationError) -> None:
    """Put each error beside its field, or above the form if the form shows no such field."""
    by_field = getattr(error, "error_dict", None) or {NON_FIELD_ERRORS: error.error_list}
    for name, errors in by_field.items():
        shown = name in form.fields and not form[name].is_hidden
        form.add_error(name if shown else None, errors)


class ConfirmForm(forms.Form):
    """A page that asks before it acts: its only answer is the button."""


class _Refusals(AbstractContextManager[None, bool]):
    # A class instead of a generator, because it tells mypy that the block can end early.

    def __init__(self, tell: Callable[[ValidationError], None]) -> None:
        self._tell = tell

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, ValidationError):
            self._tell(error)
        return isinstance(error, ValidationError)


def errors_on(form: forms.Form) -> _Refusals:
    """Run an action for a form; a `ValidationError` becomes the errors of the form.

    The block returns the answer to a success, so the code after it shows the form again.
    """
    return _Refusals(lambda error: add_errors(form, error))


def errors_in_messages(request: HttpRequest) -> _Refusals:
    """The same for a button without fields: the next page says why the action was refused."""
    return _Refusals(lambda error: messages.error(request, " ".join(error.messages)))
