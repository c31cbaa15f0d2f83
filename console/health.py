"""Whether the process is alive and can serve requests, for load balancers."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from core import vault
from credentials import jose
from credentials.models import SigningKey


@login_not_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    problem = _problem()
    if problem is not None:
        return JsonResponse({"status": "error", "problem": problem}, status=503)
    return JsonResponse({"status": "ok"})


def _problem() -> str | None:
    if settings.DRAIN_FILE and Path(settings.DRAIN_FILE).exists():
        return "This server is about to stop."
    try:
        for key in SigningKey.objects.signing().values_list("sealed_private_key", flat=True):
            jose.unseal(key)
    except vault.Unreadable:
        return "KEY_ENCRYPTION_KEYS can't decrypt the signing keys."
    except (DatabaseError, InterfaceError):
        return "The database doesn't answer, or has no tables yet. Run migrate if it is new."
    return None
