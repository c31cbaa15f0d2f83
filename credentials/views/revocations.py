from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.forms.submissions import errors_in_messages, posted, refill
from accounts.sign_in.interruptions import entries_for, keeps_entries
from core.origin import Origin
from credentials.access import jwt_credential_for
from credentials.actions.revocations import revoke_jwt_credential
from credentials.forms.revocations import RevokeJwtCredentialForm
from credentials.views.credential_pages import credential_page, what_breaks


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_entries
def revoke(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if credential.is_ended():
        messages.info(request, f"This credential is already {credential.status}.")
        return redirect(owner.url("detail", credential))
    form = RevokeJwtCredentialForm(posted(request))
    refill(form, entries_for(request))
    if form.is_valid():
        with errors_in_messages(request):
            reason, actor = form.cleaned_data["reason"], owner.viewer.user
            revoke_jwt_credential(credential, reason=reason, actor=actor, origin=Origin.of(request))
            messages.success(request, f"You revoked {credential.label}.")
        return redirect(owner.url("list"))
    context = {"credential": credential, "form": form, **what_breaks(credential)}
    return credential_page(request, "credentials/jwt_credentials/revoke.html", owner, **context)
