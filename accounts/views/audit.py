"""Organization → Audit log: its events and their export."""

import json
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.actions.audit import export_audit_log as record_export
from accounts.audit_chain import chain_of, moment
from accounts.audit_links import links_of
from accounts.forms.audit import AuditListForm
from accounts.models import AuditEvent, AuditSeal, Organization
from accounts.reports.audit_log import (
    WantedEvents,
    events_of,
    every_event,
    previous_hashes,
    seal_of,
    wanted_events,
)
from accounts.roles import ConsolePermission
from accounts.sign_in.interruptions import only_post
from accounts.sign_in.step_up import step_up_required
from core.downloads import DownloadRefused, DownloadSlot, download
from core.origin import Origin
from core.spreadsheets import csv_lines

# The columns of the CSV export.
COLUMNS: dict[str, Callable[[AuditEvent], object]] = {
    "at": lambda event: moment(event.at),
    "who": attrgetter("actor_label"),
    "did": attrgetter("deed"),
    "to": attrgetter("target_label"),
    "details": lambda event: "; ".join(event.lines),
    "ip": attrgetter("ip"),
    "user_agent": attrgetter("user_agent"),
    "request_id": attrgetter("request_id"),
    "kind": attrgetter("kind"),
    "target_type": attrgetter("target_type"),
    "target_id": attrgetter("target_id"),
    "event_id": attrgetter("pk"),
    "position": lambda event: (seal := seal_of(event)) and seal.position,
    "hash": lambda event: (seal := seal_of(event)) and seal.hash,
}


@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.AUDIT_VIEW)
    form = AuditListForm(request.GET, viewer.organization)
    page = form.page(
        wanted_events(viewer.organization, form.wanted).select_related("actor", "seal"),
        whole=events_of(viewer.organization),
    )
    links = links_of(viewer, page.rows)
    context = {
        "rows": [
            (event, links.get((event.target_type, event.target_id)), seal_of(event))
            for event in page.rows
        ],
        "form": form,
        "page": page,
    }
    return render(request, "accounts/audit/audit_log.html", context)


@only_post
@step_up_required
def export_audit_log(request: HttpRequest) -> HttpResponseBase:
    # A POST, because we record the export.
    viewer = member(request.user, ConsolePermission.AUDIT_VIEW)
    form = AuditListForm(request.GET, viewer.organization)
    ending = request.POST.get("format", "csv")
    if ending not in FORMATS:
        raise BadRequest("Choose csv or jsonl.")
    try:
        slot = DownloadSlot(viewer.user.pk)
    except DownloadRefused as refused:
        messages.error(request, str(refused))
        return redirect(f"{reverse('accounts:audit_log')}?{request.GET.urlencode()}")
    record_export(viewer, form.wanted, form=ending, origin=Origin.of(request))
    content_type, lines = FORMATS[ending]
    return download(f"audit.{ending}", content_type, lines(viewer.organization, form.wanted), slot)


def _csv(organization: Organization, wanted: WantedEvents) -> Iterator[str]:
    events = (event for batch in every_event(organization, wanted) for event in batch)
    rows = ([read(event) for read in COLUMNS.values()] for event in events)
    return csv_lines(list(COLUMNS), rows)


def _json_lines(organization: Organization, wanted: WantedEvents) -> Iterator[str]:
    # The first line describes the export. Each other line is an event and its place in the chain.
    head = AuditSeal.objects.head(chain_of(organization.pk))
    yield _line(
        export={
            "organization": organization.name,
            "chain": chain_of(organization.pk),
            "at": moment(timezone.now()),
            "filters": wanted.facts,
            "head": head and {"position": head.position, "hash": head.hash},
        }
    )
    for batch in every_event(organization, wanted):
        previous = previous_hashes(organization, batch)
        for event in batch:
            yield _line(event=event.document, seal=_seal(seal_of(event), previous))


def _line(**entry: Any) -> str:
    return json.dumps(entry, separators=(",", ":")) + "\n"


def _seal(seal: AuditSeal | None, previous: dict[int, str]) -> dict[str, Any] | None:
    if seal is None:
        return None
    return {
        "position": seal.position,
        "previous": previous.get(seal.position - 1, ""),
        "hash": seal.hash,
    }


FORMATS: dict[str, tuple[str, Callable[[Organization, WantedEvents], Iterator[str]]]] = {
    "csv": ("text/csv", _csv),
    "jsonl": ("application/jsonl", _json_lines),
}
