from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.forms.submissions import errors_in_messages
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials.access import jwt_credential_for
from credentials.actions.shown_jwts import require_showable, show_jwt
from credentials.views.credential_pages import credential_page, jwt_page


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def show(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if not owner.is_own:
        raise PermissionDenied
    template, viewer = "credentials/jwt_credentials/show.html", owner.viewer.user
    with errors_in_messages(request):
        require_showable(credential, viewer)
        if request.method != "POST":
            return credential_page(request, template, owner, credential=credential)
        jwt = show_jwt(credential, actor=viewer, origin=Origin.of(request))
        return jwt_page(request, template, owner, credential=credential, jwt=jwt)
    return redirect(owner.url("detail", credential))
