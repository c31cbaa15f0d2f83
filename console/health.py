"""For load balancers: is the process alive, and can it serve?"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from accounts import vault
from credentials import jose
from credentials.models import SigningKey


@login_not_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers, and `KEY_ENCRYPTION_KEYS` opens the keys that sign now."""
    sealed = SigningKey.objects.signing().values_list("sealed_private_key", flat=True)
    try:
        for private_key in sealed:
            jose.unseal(private_key)
    except vault.Unreadable:
        return JsonResponse(
            {"status": "error", "problem": "KEY_ENCRYPTION_KEYS does not open the signing keys."},
            status=503,
        )
    return JsonResponse({"status": "ok"})
