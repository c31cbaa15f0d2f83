from uuid import UUID

from django.http import HttpRequest, HttpResponse

from accounts.sign_in.interruptions import only_post
from credentials.access import jwt_credential_for, owner_for
from credentials.forms.create_jwt_credential import CreateJwtCredentialForm
from credentials.forms.jwt_credentials import UpdateJwtCredentialForm
from credentials.forms.permitted_apps import PermittedAppsForm
from credentials.views.create_jwt_credential import create_page
from credentials.views.credential_pages import detail_page


@only_post
def change_new_apps(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    """*Add app* and *Remove* on the create page. Nothing is saved before *Create JWT*."""
    owner = owner_for(request.user, user_id, manage=True)
    form = CreateJwtCredentialForm(
        request.POST, owner=owner.owner, creator=owner.viewer, only_apps=True
    )
    _change_list(request, form)
    return create_page(request, owner, form)


@only_post
def change_apps(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """*Add app* and *Remove* on the credential's page. Nothing is saved before *Save*."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    form = UpdateJwtCredentialForm(request.POST, credential=credential, only_apps=True)
    _change_list(request, form)
    return detail_page(request, owner, credential, form)


def _change_list(request: HttpRequest, form: PermittedAppsForm) -> None:
    if "remove" in request.POST:
        form.remove_app(request.POST["remove"])
    else:
        form.add_app()
