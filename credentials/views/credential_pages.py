from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import AuditEvent
from accounts.permissions import UserRole
from credentials.access import CredentialOwner
from credentials.explain.explanations import recent_refusals
from credentials.forms.exchange_tests import APPS_OFFERED, ExchangeTestForm
from credentials.forms.jwt_credentials import UpdateJwtCredentialForm
from credentials.models import Client, JwtCredential, Refusal, Rotation
from credentials.policy_rules import refusal_of_use
from credentials.reports.credential_usage import credential_usage
from credentials.snippets import snippets

HISTORY_SIZE = 25


def offered_clients(credential: JwtCredential, wanted: str | None) -> list[Client]:
    """The apps to choose from: the first by name, and the one that the address asks for."""
    usable = credential.usable_clients
    offered = list(usable[:APPS_OFFERED])
    if wanted and wanted not in {client.client_id for client in offered}:
        offered += usable.filter(client_id=wanted.replace("\x00", " "))
    return offered


def jwt_page(
    request: HttpRequest,
    template: str,
    owner: CredentialOwner,
    *,
    credential: JwtCredential,
    jwt: str,
    **context: Any,
) -> HttpResponse:
    """The page that shows a JWT, with examples for the chosen app."""
    wanted = request.GET.get("client_id") or request.POST.get("client_id")
    clients = offered_clients(credential, wanted)
    chosen = next((client for client in clients if client.client_id == wanted), None)
    chosen = chosen or (clients[0] if clients else None)
    client_id = chosen.client_id if chosen else "YOUR_CLIENT_ID"
    context |= {"credential": credential, "jwt": jwt, "clients": clients, "chosen": chosen}
    context["snippets"] = snippets(urls=credential.environment.urls, client_id=client_id, jwt=jwt)
    context["test_form"] = ExchangeTestForm(clients=clients, initial={"client_id": client_id})
    return credential_page(request, template, owner, **context)


def detail_page(
    request: HttpRequest,
    owner: CredentialOwner,
    credential: JwtCredential,
    form: UpdateJwtCredentialForm,
) -> HttpResponse:
    wanted = request.GET.get("client_id")
    clients = offered_clients(credential, wanted)
    return credential_page(
        request,
        "credentials/jwt_credentials/detail.html",
        owner,
        credential=credential,
        form=form,
        policy_refusal=refusal_of_use(credential.policy, credential),
        apps_url=owner.url("apps", credential),
        may_edit=owner.may_manage and not credential.is_ended(),
        rotation=Rotation.objects.about(credential),
        test_form=(
            ExchangeTestForm(clients=clients, initial={"client_id": wanted}) if clients else None
        ),
        use=credential_usage(credential),
        refusals=recent_refusals(
            Refusal.objects.of_credential(credential), owner.viewer, of=credential
        ),
        events=AuditEvent.objects.about("jwtcredential", credential.pk)[:HISTORY_SIZE],
    )


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
