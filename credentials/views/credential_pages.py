from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import AuditEvent
from credentials.access import CredentialOwner
from credentials.explain.explanations import recent_refusals
from credentials.forms.exchange_tests import APPS_OFFERED, ExchangeTestForm
from credentials.forms.jwt_credentials import UpdateJwtCredentialForm
from credentials.models import Client, ExchangeUsage, JwtCredential, Refusal, Rotation
from credentials.pauses import may_resume
from credentials.policy_rules import refusal_of_use
from credentials.reports.abilities import abilities
from credentials.reports.credential_usage import credential_usage
from credentials.snippets import snippets

EVENTS_SHOWN = 25
# The pages of one credential that its templates link to.
_PAGES = (
    "detail", "apps", "created", "operations", "sessions", "end_sessions",
    "pause", "resume", "revoke", "show", "test",
    "rotate", "rotation", "extend_rotation", "undo_rotation", "finish_rotation",
)  # fmt: skip


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
    context["snippets"] = snippets(environment=credential.environment, client_id=client_id, jwt=jwt)
    context["test_form"] = ExchangeTestForm(clients=clients, initial={"client_id": client_id})
    return credential_page(request, template, owner, **context)


def what_breaks(credential: JwtCredential) -> dict[str, Any]:
    """What pages show before a credential stops working."""
    uses = ExchangeUsage.objects.recent_by_credential([credential.pk])
    return {"used_by": uses.get(credential.pk), "rotation": Rotation.objects.about(credential)}


def detail_page(
    request: HttpRequest,
    owner: CredentialOwner,
    credential: JwtCredential,
    form: UpdateJwtCredentialForm,
) -> HttpResponse:
    wanted = request.GET.get("client_id")
    clients = offered_clients(credential, wanted)
    test_form = ExchangeTestForm(clients=clients, initial={"client_id": wanted})
    refusals = Refusal.objects.of_credential(credential)
    events = AuditEvent.objects.about("jwtcredential", credential.pk)
    context = {
        "credential": credential,
        "form": form,
        "policy_refusal": refusal_of_use(credential.policy, credential),
        "apps_url": owner.url("apps", credential),
        "may_edit": owner.may_manage and not credential.is_ended(),
        "rotation": Rotation.objects.about(credential),
        "test_form": test_form if clients else None,
        "use": credential_usage(credential),
        "apis": abilities(credential, clients),
        "refusals": recent_refusals(refusals, owner.viewer, of=credential),
        "events": events[:EVENTS_SHOWN],
    }
    return credential_page(request, "credentials/jwt_credentials/detail.html", owner, **context)


def credential_page(
    request: HttpRequest, template: str, owner: CredentialOwner, **context: Any
) -> HttpResponse:
    """A page with the links to the owner's other pages. No cache keeps it: it may show a JWT."""
    credential = context.get("credential")
    urls = {page: owner.url(page) for page in ("list", "create")}
    if credential is not None:
        urls |= {page: owner.url(page, credential) for page in _PAGES}
        context["may_resume"] = owner.may_manage and may_resume(credential, owner.viewer)
    context |= {"owner": owner, "urls": urls}
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
