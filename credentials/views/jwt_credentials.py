import time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.environments import Environment
from accounts.models import AuditEvent, Membership
from accounts.permissions import UserRole
from accounts.step_up import step_up_required
from core.origin import Origin
from core.pagination import PAGE_SIZE, slice_of
from credentials.access import CredentialOwner, jwt_credential_for, owner_for
from credentials.actions import jwt_credentials as actions
from credentials.explain.dry_run import Finding, dry_run
from credentials.explain.explanations import recent_refusals
from credentials.explain.trials import Failure, failure_of
from credentials.forms.jwt_credentials import (
    APPS_OFFERED,
    CreateJwtCredentialForm,
    ExchangeTestForm,
    JwtCredentialListForm,
    PermittedAppsForm,
    RevokeJwtCredentialForm,
    UpdateJwtCredentialForm,
)
from credentials.models import (
    AppAccess,
    Client,
    ExchangeUsage,
    JwtCredential,
    Refusal,
    Rotation,
)
from credentials.oauth.checks import Exchange
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants import jwt_bearer
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.reports.recent_use import use_of_credential
from credentials.snippets import snippets

CREATED_SESSION_KEY = "created_jwt_credentials"
CREATED_SECONDS = 600
# The pages that a row of the list links to.
LISTED_PAGES = ("detail", "revoke", "rotation")
HISTORY_SIZE = 25


@require_safe
def jwt_credentials(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    """One person's credentials, in keyset pages."""
    owner = owner_for(request.user, user_id)
    form = JwtCredentialListForm(request.GET)
    everything = JwtCredential.objects.of(owner.owner)
    page = slice_of(
        everything.select_related("extension__account", "revoked_by")
        .with_rotation()
        .with_some_apps(),
        form.order,
        whole=everything,
        size=PAGE_SIZE,
        **form.place,
    )
    return _page(
        request,
        "list",
        owner,
        rows=[
            (
                credential,
                {name: owner.url(name, credential) for name in LISTED_PAGES},
            )
            for credential in page.rows
        ],
        form=form,
        previous_url=page.before and form.url(before=page.before),
        next_url=page.after and form.url(after=page.after),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def create_jwt_credential(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    owner = owner_for(request.user, user_id, manage=True)
    if request.method != "POST":
        return _create_page(request, owner, _preselected_form(request, owner))
    form = CreateJwtCredentialForm(request.POST, owner=owner.owner, creator=owner.viewer)
    if form.is_valid():
        sent_before = JwtCredential.objects.filter(
            submission_key=form.cleaned_data["submission_key"]
        ).exists()
        credential = _create(request, owner, form)
        if credential is not None:
            if not sent_before:
                remember_created(request, credential)
            return redirect(owner.url("created", credential))
    return _create_page(request, owner, form)


def remember_created(request: HttpRequest, credential: JwtCredential) -> None:
    """That this session made it; another one of the same person has to ask with step-up."""
    created_in_this_session = request.session.get(CREATED_SESSION_KEY, {})
    created_in_this_session[str(credential.pk)] = int(credential.issued_at.timestamp())
    request.session[CREATED_SESSION_KEY] = created_in_this_session


def _preselected_form(request: HttpRequest, owner: CredentialOwner) -> CreateJwtCredentialForm:
    """The empty form; `?client_id=` chooses its environment and puts that app on the list."""
    client_id = request.GET.get("client_id", "").replace("\x00", " ")[:64]
    if not client_id:
        return CreateJwtCredentialForm(owner=owner.owner, creator=owner.viewer)
    client = Client.objects.filter(client_id=client_id).first()
    environment = Environment(client.environment) if client else Environment.SANDBOX
    form = CreateJwtCredentialForm(
        owner=owner.owner,
        creator=owner.viewer,
        initial={"environment": environment, "app_access": AppAccess.SPECIFIC},
    )
    try:
        actions.permittable_client(client_id, environment=environment, owner=owner.owner)
    except ValidationError as error:
        messages.error(request, f"{client_id}: {error.message}")
    else:
        form.listed = [client_id]
    return form


def _create(
    request: HttpRequest, owner: CredentialOwner, form: CreateJwtCredentialForm
) -> JwtCredential | None:
    try:
        return actions.create_jwt_credential(
            owner.owner,
            environment=Environment(form.cleaned_data["environment"]),
            label=form.cleaned_data["label"],
            app_access=AppAccess(form.cleaned_data["app_access"]),
            client_ids=form.listed,
            expires_on=form.cleaned_data["expires_on"],
            allowed_networks=form.cleaned_data["allowed_networks"],
            submission_key=form.cleaned_data["submission_key"],
            actor=owner.viewer.user,
            origin=Origin.of(request),
        )
    except ValidationError as error:
        form.add_error(None, error)
        return None


def _create_page(
    request: HttpRequest, owner: CredentialOwner, form: CreateJwtCredentialForm
) -> HttpResponse:
    return _page(request, "create", owner, form=form, apps_url=owner.url("new_apps"))


@require_POST
def change_new_apps(request: HttpRequest, user_id: UUID | None = None) -> HttpResponse:
    """*Add app* and *Remove* on the create page: answers the page again and changes no row."""
    owner = owner_for(request.user, user_id, manage=True)
    form = CreateJwtCredentialForm(
        request.POST, owner=owner.owner, creator=owner.viewer, only_apps=True
    )
    _change_list(request, form)
    return _create_page(request, owner, form)


@require_POST
def change_apps(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """*Add app* and *Remove* on the credential's page; nothing is changed before *Save*."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    form = UpdateJwtCredentialForm(request.POST, credential=credential, only_apps=True)
    _change_list(request, form)
    return _detail_page(request, owner, credential, form)


def _change_list(request: HttpRequest, form: PermittedAppsForm) -> None:
    if "remove" in request.POST:
        form.remove_app(request.POST["remove"])
    else:
        form.add_app()


@require_safe
def created(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    """The JWT, to who created it, in that session, for ten minutes."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    created_at = min(
        request.session.get(CREATED_SESSION_KEY, {}).get(str(credential.pk), 0),
        int(credential.issued_at.timestamp()),
    )
    if time.time() - created_at > CREATED_SECONDS or credential.is_ended():
        messages.info(request, "The JWT is no longer shown here.")
        return redirect(owner.url("detail", credential))
    rotation = Rotation.objects.about(credential)
    if not actions.creator_may_see(credential, owner.viewer.user):
        return _page(request, "created", owner, credential=credential, rotation=rotation)
    jwt = credential.encode()
    return _jwt_page(request, "created", owner, credential, jwt, rotation=rotation)


def _offered_clients(credential: JwtCredential, wanted: str | None) -> list[Client]:
    """The apps to choose from: the first by name, and the one that the address asks for."""
    usable = credential.usable_clients
    offered = list(usable[:APPS_OFFERED])
    if wanted and wanted not in {client.client_id for client in offered}:
        offered += usable.filter(client_id=wanted.replace("\x00", " "))
    return offered


def _jwt_page(
    request: HttpRequest,
    page: str,
    owner: CredentialOwner,
    credential: JwtCredential,
    jwt: str,
    **context: Any,
) -> HttpResponse:
    wanted = request.GET.get("client_id") or request.POST.get("client_id")
    clients = _offered_clients(credential, wanted)
    chosen = next((client for client in clients if client.client_id == wanted), None)
    chosen = chosen or (clients[0] if clients else None)
    client_id = chosen.client_id if chosen else "YOUR_CLIENT_ID"
    return _page(
        request,
        page,
        owner,
        credential=credential,
        jwt=jwt,
        clients=clients,
        chosen=chosen,
        snippets=snippets(urls=credential.environment.urls, client_id=client_id, jwt=jwt),
        test_form=ExchangeTestForm(clients=clients, initial={"client_id": client_id}),
        **context,
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
    return _detail_page(request, owner, credential, form)


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


def _detail_page(
    request: HttpRequest,
    owner: CredentialOwner,
    credential: JwtCredential,
    form: UpdateJwtCredentialForm,
) -> HttpResponse:
    wanted = request.GET.get("client_id")
    clients = _offered_clients(credential, wanted)
    return _page(
        request,
        "detail",
        owner,
        credential=credential,
        form=form,
        apps_url=owner.url("apps", credential),
        may_edit=owner.may_manage and not credential.is_ended(),
        rotation=Rotation.objects.about(credential),
        test_form=(
            ExchangeTestForm(clients=clients, initial={"client_id": wanted}) if clients else None
        ),
        use=use_of_credential(credential),
        refusals=recent_refusals(
            Refusal.objects.of_credential(credential), owner.viewer, of=credential
        ),
        events=AuditEvent.objects.about("jwtcredential", credential.pk)[:HISTORY_SIZE],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if credential.is_ended():
        messages.info(request, f"This credential has already been {credential.status}.")
        return redirect(owner.url("detail", credential))
    form = RevokeJwtCredentialForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            actions.revoke_jwt_credential(
                credential,
                reason=form.cleaned_data["reason"],
                actor=owner.viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            messages.info(request, error.message)
        else:
            messages.success(request, f"{credential.label} has been revoked.")
        return redirect(owner.url("list"))
    return _page(
        request,
        "revoke",
        owner,
        credential=credential,
        form=form,
        used_by=ExchangeUsage.objects.recent_by_credential([credential.pk]).get(credential.pk),
        rotation=Rotation.objects.about(credential),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def show(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    """The JWT again, for its owner, after step-up; each look is a POST and an audit event."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    if not owner.is_own:
        raise PermissionDenied
    viewer = owner.viewer.user
    try:
        actions.require_showable(credential, viewer)
        if request.method != "POST":
            return _page(request, "show", owner, credential=credential)
        jwt = actions.show_jwt(credential, actor=viewer, origin=Origin.of(request))
    except ValidationError as error:
        messages.error(request, error.message)
        return redirect(owner.url("detail", credential))
    return _jwt_page(request, "show", owner, credential, jwt)


@sensitive_post_parameters("client_secret")
@require_POST
def try_exchange(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """*Test it now*: a dry run of every check, or a real exchange with a pasted client secret."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    clients = _offered_clients(credential, request.POST.get("client_id"))
    form = ExchangeTestForm(request.POST, clients=clients)
    context: dict[str, Any] = {"credential": credential, "test_form": form}
    if form.is_valid():
        client = next(c for c in clients if c.client_id == form.cleaned_data["client_id"])
        findings = dry_run(Exchange(client, credential, timezone.now()))
        context |= {
            "client": client,
            "findings": findings,
            "failure": _failure(findings, client, credential, owner.viewer),
            "scopes": sorted(client.application.effective_scopes),
            "permissions": sorted(credential.extension.grant.permissions),
        }
        if form.cleaned_data["client_secret"] and owner.is_own:
            context |= _exchange(request, credential, client, form.cleaned_data["client_secret"])
    return _page(request, "test", owner, **context)


def _failure(
    findings: list[Finding], client: Client, credential: JwtCredential, viewer: Membership
) -> Failure | None:
    for finding in findings:
        if finding.refusal is not None:
            return failure_of(finding.name, finding.refusal.message, client, credential, viewer)
    return None


def _exchange(
    request: HttpRequest, credential: JwtCredential, client: Client, raw_secret: str
) -> dict[str, Any]:
    """A real exchange, exactly as the token endpoint does it; the token is thrown away."""
    presented = BasicCredentials(client.client_id, raw_secret)
    parameters = Parameters({"assertion": credential.encode()})
    outcome: dict[str, Any]
    try:
        response = jwt_bearer.exchange(credential.environment, presented, parameters)
        outcome = {"granted": {k: v for k, v in response.items() if k != "access_token"}}
    except OAuthError as error:
        outcome = {"refused": error}
    actions.record_exchange_test(
        credential,
        client_id=client.client_id,
        outcome=outcome["refused"].code if "refused" in outcome else "granted",
        actor=credential.extension.user,
        origin=Origin.of(request),
    )
    return outcome | {"real": True}


def _pages(owner: CredentialOwner, credential: JwtCredential) -> dict[str, str]:
    """The URLs of one credential's pages, by name."""
    names = (
        "detail",
        "apps",
        "created",
        "revoke",
        "show",
        "test",
        "rotate",
        "rotation",
        "extend_rotation",
        "undo_rotation",
        "finish_rotation",
    )
    return {name: owner.url(name, credential) for name in names}


def _page(request: HttpRequest, name: str, owner: CredentialOwner, **context: Any) -> HttpResponse:
    return credential_page(request, f"credentials/jwt_credentials/{name}.html", owner, **context)


def credential_page(
    request: HttpRequest, template: str, owner: CredentialOwner, **context: Any
) -> HttpResponse:
    """A credential page with the links of its owner; what shows a JWT is never stored anywhere."""
    credential = context.get("credential")
    urls = {page: owner.url(page) for page in ("list", "create")}
    if credential is not None:
        urls |= _pages(owner, credential)
        context["user_role"] = UserRole(credential.extension.user_role).label
    context |= {"owner": owner, "urls": urls}
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
