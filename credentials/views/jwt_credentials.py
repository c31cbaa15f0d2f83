from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms.submissions import errors_on, posted
from accounts.sign_in.interruptions import entries_for, keeps_entries
from core.origin import Origin
from credentials.access import jwt_credential_for, owner_for
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.forms.jwt_credentials import JwtCredentialListForm, UpdateJwtCredentialForm
from credentials.models import (
    JwtCredential,
)
from credentials.views.credential_pages import credential_page, detail_page

# The pages that a row of the list links to.
LISTED_PAGES = ("detail", "revoke", "rotation")


@require_safe
def jwt_credentials(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    owner = owner_for(request.user, user_id)
    form = JwtCredentialListForm(request.GET)
    everything = JwtCredential.objects.of(owner.owner)
    page = form.page(
        everything.in_environment(form.value_of("environment"))
        .select_related("extension__account", "revoked_by")
        .with_rotation()
        .with_some_apps(),
        whole=everything,
    )
    return credential_page(
        request,
        "credentials/jwt_credentials/list.html",
        owner,
        rows=[
            (credential, {name: owner.url(name, credential) for name in LISTED_PAGES})
            for credential in page.rows
        ],
        form=form,
        page=page,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_entries
def jwt_credential(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    saving = request.method == "POST"
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=saving)
    form = UpdateJwtCredentialForm(posted(request), credential=credential)
    form.refill(entries_for(request))
    if form.is_valid():
        with errors_on(form):
            update_jwt_credential(
                credential, **form.choices, actor=owner.viewer.user, origin=Origin.of(request)
            )
            messages.success(request, "We saved your changes.")
            return redirect(owner.url("detail", credential))
    return detail_page(request, owner, credential, form)
