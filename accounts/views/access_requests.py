from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import NoConsoleAccess, membership_of
from accounts.actions.access_requests import request_access as ask_for_access
from accounts.forms.access_requests import RequestAccessForm
from accounts.origin import Origin


def no_access(request: HttpRequest, form: RequestAccessForm | None = None) -> HttpResponse:
    """All that a signed-in person without console access sees."""
    membership = membership_of(request.user)
    pending = membership.user.access_requests.pending().first() if membership is not None else None
    context = {
        "form": form or RequestAccessForm(),
        "own_membership": membership,
        "pending": pending,
    }
    return render(request, "accounts/access_requests/no_access.html", context, status=403)


@require_POST
def request_access(request: HttpRequest) -> HttpResponse:
    membership = membership_of(request.user)
    if membership is None:
        raise NoConsoleAccess
    if membership.has_console_access:
        return redirect("dashboard")
    form = RequestAccessForm(request.POST)
    if form.is_valid():
        try:
            ask_for_access(
                membership, reason=form.cleaned_data["reason"], origin=Origin.of(request)
            )
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, "Your request is on its way to your account administrators.")
            return redirect("dashboard")
    return no_access(request, form)
