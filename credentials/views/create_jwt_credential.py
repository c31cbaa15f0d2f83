import time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.environments import Environment
from accounts.forms.submissions import errors_on, posted
from accounts.sign_in.interruptions import entries_for, keeps_entries
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials.access import CredentialOwner, jwt_credential_for, owner_for
from credentials.actions import jwt_credentials as actions
from credentials.actions.permitted_apps import permittable_client
from credentials.actions.shown_jwts import creator_may_see
from credentials.forms.create_jwt_credential import CreateJwtCredentialForm
from credentials.models import (
    AppAccess,
    Client,
    JwtCredential,
    Rotation,
)
from credentials.views.credential_pages import credential_page, jwt_page

CREATED_SESSION_KEY = "created_jwt_credentials"
CREATED_SECONDS = 600


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
@keeps_entries
def create_jwt_credential(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    owner = owner_for(request.user, user_id, manage=True)
    form = _create_form(request, owner)
    form.refill(entries_for(request))
    if form.is_valid():
        with errors_on(form):
            limits.CREATIONS.count(request)
            key = form.cleaned_data["submission_key"]
            is_repeated = JwtCredential.objects.filter(submission_key=key).exists()
            credential = actions.create_jwt_credential(
                owner.owner, **form.choices, actor=owner.viewer.user, origin=Origin.of(request)
            )
            if not is_repeated:
                remember_created(request, credential)
            return redirect(owner.url("created", credential))
    return create_page(request, owner, form)


def remember_created(request: HttpRequest, credential: JwtCredential) -> None:
    """Let this session see the JWT for a while; any other session needs step-up for it."""
    created_in_this_session = request.session.get(CREATED_SESSION_KEY, {})
    created_in_this_session[str(credential.pk)] = int(credential.issued_at.timestamp())
    request.session[CREATED_SESSION_KEY] = created_in_this_session


def _create_form(request: HttpRequest, owner: CredentialOwner) -> CreateJwtCredentialForm:
    """The form as sent, or an empty one; `?client_id=` puts that app on its list."""
    client_id = request.GET.get("client_id", "").replace("\x00", " ")[:64]
    if request.method == "POST" or not client_id:
        return CreateJwtCredentialForm(posted(request), owner=owner.owner, creator=owner.viewer)
    client = Client.objects.filter(client_id=client_id).first()
    environment = Environment(client.environment) if client else Environment.SANDBOX
    form = CreateJwtCredentialForm(
        owner=owner.owner,
        creator=owner.viewer,
        initial={"environment": environment, "app_access": AppAccess.SPECIFIC},
    )
    try:
        permittable_client(client_id, environment=environment, owner=owner.owner)
    except ValidationError as error:
        messages.error(request, f"{client_id}: {error.message}")
    else:
        form.listed = [client_id]
    return form


def create_page(
    request: HttpRequest, owner: CredentialOwner, form: CreateJwtCredentialForm
) -> HttpResponse:
    return credential_page(
        request,
        "credentials/jwt_credentials/create.html",
        owner,
        form=form,
        apps_url=owner.url("new_apps"),
    )


@require_safe
def created(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if not _was_just_created(request, credential) or credential.is_ended():
        messages.info(request, "This page no longer shows the JWT.")
        return redirect(owner.url("detail", credential))
    template = "credentials/jwt_credentials/created.html"
    context: dict[str, Any] = {
        "credential": credential,
        "rotation": Rotation.objects.about(credential),
    }
    if not creator_may_see(credential, owner.viewer.user):
        return credential_page(request, template, owner, **context)
    return jwt_page(request, template, owner, jwt=credential.encode(), **context)


def _was_just_created(request: HttpRequest, credential: JwtCredential) -> bool:
    """Whether this session created it in the last ten minutes."""
    remembered: int = request.session.get(CREATED_SESSION_KEY, {}).get(str(credential.pk), 0)
    created_at = min(remembered, int(credential.issued_at.timestamp()))
    return time.time() - created_at <= CREATED_SECONDS
