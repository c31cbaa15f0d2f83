from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from core.origin import Origin
from credentials.access import CredentialOwner, jwt_credential_for, owner_for
from credentials.actions import jwt_credentials as actions
from credentials.forms.jwt_credentials import JwtCredentialListForm, UpdateJwtCredentialForm
from credentials.models import (
    AppAccess,
    JwtCredential,
)
from credentials.views.credential_pages import credential_page, detail_page

# The pages that a row of the list links to.
LISTED_PAGES = ("detail", "revoke", "rotation")


@require_safe
def jwt_credentials(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    """One person's credentials, in keyset pages."""
    owner = owner_for(request.user, user_id)
    form = JwtCredentialListForm(request.GET)
    everything = JwtCredential.objects.of(owner.owner)
    page = form.page(
        everything.select_related("extension__account", "revoked_by")
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
def jwt_credential(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    saving = request.method == "POST"
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=saving)
    form = UpdateJwtCredentialForm(request.POST if saving else None, credential=credential)
    if saving and form.is_valid() and _update(request, owner, form):
        messages.success(request, "Saved.")
        return redirect(owner.url("detail", credential))
    return detail_page(request, owner, credential, form)


def _update(request: HttpRequest, owner: CredentialOwner, form: UpdateJwtCredentialForm) -> bool:
    try:
        actions.update_jwt_credential(
            form.credential,
            label=form.cleaned_data["label"],
            app_access=AppAccess(form.cleaned_data["app_access"]),
            client_ids=form.listed,
            allowed_networks=form.cleaned_data["allowed_networks"],
            actor=owner.viewer.user,
            origin=Origin.of(request),
        )
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True
