"""The operator's page: the signing keys of the installation, and their rotation."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator
from accounts.environments import Environment
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin
from credentials.actions import signing_keys as actions
from credentials.forms.signing_keys import COMPROMISED, PLANNED, RotateSigningKeyForm
from credentials.models import SigningKey
from credentials.models.expiration import NEVER
from credentials.models.signing_keys import KeyPurpose, KeyState

KEYS_SHOWN = 20


@dataclass(frozen=True)
class KeyRing:
    """The keys of one environment and purpose, the newest first."""

    environment: Environment
    purpose: KeyPurpose
    keys: list[SigningKey]

    @property
    def current(self) -> SigningKey | None:
        return next((key for key in self.keys if key.state == KeyState.CURRENT), None)


def _key_ring(environment: Environment, purpose: KeyPurpose) -> KeyRing:
    keys = SigningKey.objects.of(environment, purpose).with_use().order_by("-created_at", "kid")
    return KeyRing(environment, purpose, list(keys[:KEYS_SHOWN]))


@require_safe
def signing_keys(request: HttpRequest) -> HttpResponse:
    operator(request.user)
    rings = [
        _key_ring(environment, purpose) for environment in Environment for purpose in KeyPurpose
    ]
    return render(
        request, "credentials/signing_keys/signing_keys.html", {"rings": rings, "never": NEVER}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def rotate_signing_key(
    request: HttpRequest, environment: Environment, purpose: KeyPurpose
) -> HttpResponse:
    """The next key signs from now on; a compromised one is distrusted with all that it signed."""
    actor = operator(request.user)
    ring = _key_ring(environment, purpose)
    form = RotateSigningKeyForm(
        request.POST if request.method == "POST" else None,
        descriptions=_consequences(ring),
        kid=ring.current.kid if ring.current else "",
    )
    if form.is_valid():
        try:
            actions.rotate_signing_key(
                environment,
                purpose,
                compromised=form.is_compromised,
                expected=form.cleaned_data["kid"],
                actor=actor,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            messages.warning(request, " ".join(error.messages))
        else:
            messages.success(
                request,
                f"{environment.label}: another {purpose.label.lower()} key signs from now on.",
            )
        return redirect("operator:signing_keys")
    context = {
        "ring": ring,
        "form": form,
        "following": next((key for key in ring.keys if key.state == KeyState.NEXT), None),
    }
    return render(request, "credentials/signing_keys/rotate_signing_key.html", context)


def _consequences(ring: KeyRing) -> dict[str, str]:
    """What each reason for a rotation means for those who hold something the key signed."""
    if ring.purpose == KeyPurpose.ACCESS_TOKEN:
        return {
            PLANNED: "Access tokens that it signed stay good until they expire.",
            COMPROMISED: "This server refuses every access token that it signed at once, and apps "
            "exchange their credentials again. Services that verify on their own follow when they "
            "fetch the key set anew. The next key is thrown away as well.",
        }
    live = ring.current.live_credentials if ring.current else 0
    what = "1 live JWT credential stops" if live == 1 else f"{live} live JWT credentials stop"
    return {
        PLANNED: "JWT credentials that it signed keep working until they expire or are revoked.",
        COMPROMISED: f"{what} working at once; the owners have to create new ones. "
        "The next key is thrown away as well.",
    }


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def distrust_signing_key(request: HttpRequest, kid: str) -> HttpResponse:
    """A retired key turns out to be compromised: stop all that it signed."""
    actor = operator(request.user)
    key = get_object_or_404(SigningKey.objects.with_use(), pk=kid)
    if key.state != KeyState.RETIRED:
        messages.info(request, "Only a retired key is distrusted here.")
        return redirect("operator:signing_keys")
    if request.method == "POST":
        actions.distrust_signing_key(key, actor=actor, origin=Origin.of(request))
        messages.success(request, "Nothing that this key signed is accepted any more.")
        return redirect("operator:signing_keys")
    return render(request, "credentials/signing_keys/distrust_signing_key.html", {"key": key})
