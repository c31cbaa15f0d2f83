from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import person
from accounts.actions.factors import make_recovery_codes
from accounts.forms.submissions import ConfirmForm, errors_on, posted
from accounts.recovery_codes import codes_left
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def generate_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Asks, then shows the codes in the response to the POST, because they are stored nowhere."""
    user = person(request.user)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            codes = make_recovery_codes(user, origin=Origin.of(request))
            get_adapter().send_notification_mail("mfa/email/recovery_codes_generated", user)
            return render(request, "accounts/recovery_codes/shown_once.html", {"codes": codes})
    former = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    context = {"form": form, "left": codes_left(former) if former else 0}
    return render(request, "accounts/recovery_codes/generate_recovery_codes.html", context)
