"""Organization → Credentials: all credentials of the organization, to review, revoke, export."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member
from accounts.forms.submissions import errors_on, posted
from accounts.models import Membership
from accounts.roles import ConsolePermission
from accounts.sign_in.interruptions import only_post
from accounts.sign_in.step_up import step_up_required
from core.downloads import DownloadRefused, DownloadSlot, download
from core.origin import Origin
from core.pagination import page_of
from core.spreadsheets import csv_lines
from credentials.actions.inventory import export_credentials as record_export
from credentials.actions.revocations import MAX_REVOKED_AT_ONCE, revoke_jwt_credentials
from credentials.forms.inventory import InventoryListForm, RevokeCredentialsForm, chosen_ids
from credentials.models import AppAccess, Client, ExchangeUsage, JwtCredential, Rotation
from credentials.models.jwt_credential_queries import JwtCredentialQuerySet
from credentials.models.usage import ClientUse
from credentials.reports.called_operations import operations_by_credential
from credentials.reports.credential_list import matching_credentials, organization_credentials

EXPORT_BATCH = 1000
EXPORT_HEADING = (
    "id",
    "label",
    "owner",
    "owner_email",
    "environment",
    "status",
    "permitted_apps",
    "client_ids",
    "ceiling",
    "created_at",
    "created_by",
    "last_used_on",
    "expires_at",
    "revoked_at",
    "revoked_by",
    "revoked_reason",
    "calls_in_30_days",
)


@require_safe
def credentials(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.JWT_CREDENTIAL_VIEW_ANY)
    form = InventoryListForm(request.GET)
    page = form.page(
        _with_people(matching_credentials(viewer.organization, form.wanted))
        .with_rotation()
        .with_some_apps(),
        whole=organization_credentials(viewer.organization),
    )
    context = {
        "rows": [(credential, _urls(credential)) for credential in page.rows],
        "page": page,
        "form": form,
        "list_query": form.query(**form.place),
        "may_revoke": viewer.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY),
    }
    return render(request, "credentials/inventory/credentials.html", context)


def _urls(credential: JwtCredential) -> dict[str, str]:
    user_id = credential.extension.user_id
    pages = {
        name: reverse(f"developer_credentials:{name}", args=[user_id, credential.pk])
        for name in ("detail", "rotation")
    }
    return pages | {"owner": reverse("organization:developer", args=[user_id])}


def _with_people(found: JwtCredentialQuerySet) -> JwtCredentialQuerySet:
    return found.select_related("extension__account", "extension__user", "revoked_by")


@require_http_methods(["GET", "HEAD", "POST"])
def revoke_credentials(request: HttpRequest) -> HttpResponse:
    """Asks what breaks, then revokes what was checked in the list: `?credential=…&credential=…`."""
    viewer = member(request.user, ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY)
    sent = request.POST if request.method == "POST" else request.GET
    chosen, back = chosen_credentials(viewer, sent), list_url(sent)
    active = [credential for credential in chosen if not credential.is_ended()]
    if not active:
        revoked = "All the credentials you selected are already revoked."
        messages.info(request, revoked if chosen else "Select at least one credential.")
        return redirect(back)
    form = RevokeCredentialsForm(posted(request))
    if form.is_valid():
        with errors_on(form):
            _revoke(request, viewer, chosen, form.cleaned_data["reason"])
            return redirect(back)
    context = {
        "form": form,
        "back": back,
        "list_query": sent.get("list", ""),
        "chosen": consequences_of(active),
        "skipped": len(chosen) - len(active),
        "tells_owners": any(c.extension.user_id != viewer.user_id for c in active),
    }
    return render(request, "credentials/inventory/revoke_credentials.html", context)


def list_url(sent: QueryDict) -> str:
    """The list as it was, with its filters and its page."""
    form = InventoryListForm(QueryDict(sent.get("list", "")))
    shown = form.url(**form.place) if form.data else ""
    return f"{reverse('organization:credentials')}{shown}"


def chosen_credentials(viewer: Membership, sent: QueryDict) -> list[JwtCredential]:
    """The checked credentials that are of the organization; 404 if there were only others."""
    ids = chosen_ids(sent.getlist("credential"))[:MAX_REVOKED_AT_ONCE]
    found = list(
        organization_credentials(viewer.organization)
        .filter(pk__in=ids)
        .select_related("extension__account", "extension__user")
        .order_by("extension__user__email", "label", "pk")
    )
    if ids and not found:
        raise Http404
    return found


@dataclass(frozen=True)
class Consequence:
    """What stops with one of the chosen credentials."""

    credential: JwtCredential
    uses: list[ClientUse]
    """By app, in the last 30 days."""
    rotation: Rotation | None
    """The open rotation of the credential, if there is one."""
    with_other_side: bool
    """Whether the other credential of the rotation was chosen too."""


def consequences_of(active: list[JwtCredential]) -> list[Consequence]:
    ids = {credential.pk for credential in active}
    used_by = ExchangeUsage.objects.recent_by_credential(ids)
    rotations = Rotation.objects.open_by_credential(active)
    consequences = []
    for credential in active:
        rotation = rotations.get(credential.pk)
        sides = {rotation.replaced_id, rotation.replacement_id} if rotation else set()
        consequences.append(
            Consequence(
                credential, used_by.get(credential.pk, []), rotation, bool(sides) and sides <= ids
            )
        )
    return consequences


def _revoke(
    request: HttpRequest, viewer: Membership, chosen: list[JwtCredential], reason: str
) -> None:
    ids = [credential.pk for credential in chosen]
    done = revoke_jwt_credentials(ids, reason=reason, actor=viewer.user, origin=Origin.of(request))
    count = len(done.revoked)
    messages.success(request, f"You revoked {count} credential{pluralize(count)}.")
    if done.skipped:
        were = pluralize(done.skipped, "was,were")
        messages.info(request, f"{done.skipped} {were} already revoked, so nothing changed there.")


@only_post
@step_up_required
def export_credentials(request: HttpRequest) -> HttpResponseBase:
    """The filtered list as CSV. A POST, because taking it out of the console is recorded."""
    viewer = member(request.user, ConsolePermission.JWT_CREDENTIAL_VIEW_ANY)
    form = InventoryListForm(request.GET)
    try:
        slot = DownloadSlot(viewer.user.pk)
    except DownloadRefused as refused:
        messages.error(request, str(refused))
        return redirect(f"{reverse('organization:credentials')}?{request.GET.urlencode()}")
    record_export(viewer, form.wanted, origin=Origin.of(request))
    lines = csv_lines(EXPORT_HEADING, _exported_lines(viewer, form))
    return download("credentials.csv", "text/csv", lines, slot)


def _exported_lines(viewer: Membership, form: InventoryListForm) -> Iterator[tuple[object, ...]]:
    for rows in _batches(viewer, form):
        called = operations_by_credential(credential.pk for credential in rows)
        for credential in rows:
            calls = "; ".join(map(str, called.get(credential.pk, ())))
            yield *_exported(credential), calls


def _batches(viewer: Membership, form: InventoryListForm) -> Iterator[Sequence[JwtCredential]]:
    """All pages one after the other: no cursor of the database is held open meanwhile."""
    everything = _with_people(
        matching_credentials(viewer.organization, form.wanted)
    ).prefetch_related(
        "created_by",
        Prefetch("permitted_clients", Client.objects.order_by("application__name", "pk")),
    )
    whole = organization_credentials(viewer.organization)
    after: UUID | None = None
    while True:
        page = page_of(everything, form.order, whole=whole, after=after, size=EXPORT_BATCH)
        yield page.rows
        if page.after is None:
            return
        after = page.after


def _exported(credential: JwtCredential) -> tuple[object, ...]:
    """One line of the export; a credential's row holds no secret, and the JWT is not made."""
    owner, revoker = credential.extension.user, credential.revoked_by
    specific = credential.app_access == AppAccess.SPECIFIC
    clients = credential.permitted_clients.all() if specific else ()
    return (
        credential.pk,
        credential.label,
        owner.name,
        owner.email,
        credential.environment,
        credential.status,
        "specific" if specific else "all",
        " ".join(client.client_id for client in clients),
        "none" if credential.ceiling is None else " ".join(credential.ceiling),
        credential.issued_at.isoformat(),
        credential.created_by.email,
        credential.last_used_on if credential.was_used else "never",
        "never" if credential.never_expires else credential.expires_at.isoformat(),
        credential.revoked_at and credential.revoked_at.isoformat(),
        revoker and revoker.email,
        credential.revoked_reason,
    )
