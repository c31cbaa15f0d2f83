from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from credentials.access import jwt_credential_for
from credentials.forms.abilities import AbilityListForm
from credentials.views.credential_pages import credential_page, offered_clients


@require_safe
def operations(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """The operations that apps can call with a credential, and what the others lack."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id)
    clients = offered_clients(credential, request.GET.get("client_id"))
    form = AbilityListForm(request.GET, credential=credential, clients=clients)
    template = "credentials/jwt_credentials/operations.html"
    return credential_page(request, template, owner, credential=credential, form=form)
