from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import membership_of, person
from accounts.actions.users import update_profile
from accounts.forms.submissions import errors_on, posted, refill
from accounts.forms.users import ProfileForm
from accounts.roles import ROLE_DESCRIPTIONS, ConsoleRole
from accounts.sign_in.interruptions import entries_for, keeps_entries
from core.origin import Origin


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_entries
def my_profile(request: HttpRequest) -> HttpResponse:
    user = person(request.user)
    form = ProfileForm(
        posted(request),
        initial={"first_name": user.first_name, "last_name": user.last_name},
    )
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_on(form):
            update_profile(user, **form.cleaned_data, origin=Origin.of(request))
            messages.success(request, "We saved your name.")
            return redirect("accounts:my_profile")
    membership = membership_of(user)
    context = {
        "form": form,
        "own_membership": membership,
        "role_description": ROLE_DESCRIPTIONS[ConsoleRole(membership.role)] if membership else "",
        "extensions": user.extensions.select_related("account").order_by("account__environment"),
    }
    return render(request, "accounts/users/my_profile.html", context)
