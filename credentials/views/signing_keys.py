"""The signing keys of the installation, for operators."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator
from accounts.environments import Environment
from accounts.forms.submissions import errors_in_messages, posted
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
    """The keys of one environment and purpose, newest first."""

    environment: Environment
    purpose: KeyPurpose
    keys: list[SigningKey]

    @property
    def current(self) -> SigningKey | None:
        return self._first(KeyState.CURRENT)

    @property
    def following(self) -> SigningKey | None:
        return self._first(KeyState.NEXT)

    def _first(self, state: KeyState) -> SigningKey | None:
        return next((key for key in self.keys if key.state == state), None)


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
    actor = operator(request.user)
    ring = _key_ring(environment, purpose)
    kid = ring.current.kid if ring.current else ""
    form = RotateSigningKeyForm(posted(request), descriptions=_consequences(ring), kid=kid)
    if form.is_valid():
        with errors_in_messages(request):
            actions.rotate_signing_key(
                environment,
                purpose,
                compromised=form.is_compromised,
                expected=form.cleaned_data["kid"],
                actor=actor,
                origin=Origin.of(request),
            )
            rotated = f"You rotated the {environment.label.lower()} {purpose.label.lower()} key."
            messages.success(request, rotated)
        return redirect("operator:signing_keys")
    context = {"ring": ring, "form": form}
    return render(request, "credentials/signing_keys/rotate_signing_key.html", context)


def _consequences(ring: KeyRing) -> dict[str, str]:
    """What each reason means for JWTs and tokens that the key signed, in words."""
    if ring.purpose == KeyPurpose.ACCESS_TOKEN:
        return {
            PLANNED: "Access tokens that it signed will keep working until they expire.",
            COMPROMISED: "This server will immediately refuse every access token that it signed, "
            "and apps will have to exchange their credentials again. Resource servers will follow "
            "when they refetch the key set. We’ll discard the next key as well.",
        }
    live = ring.current.live_credentials if ring.current else 0
    credentials = "1 live JWT credential" if live == 1 else f"{live} live JWT credentials"
    return {
        PLANNED: "JWT credentials that it signed will keep working until they expire or are "
        "revoked.",
        COMPROMISED: f"{credentials} will stop working immediately, and their owners will have to "
        "create new ones. We’ll discard the next key as well.",
    }


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def distrust_signing_key(request: HttpRequest, kid: str) -> HttpResponse:
    actor = operator(request.user)
    key = get_object_or_404(SigningKey.objects.with_use(), pk=kid)
    if key.state != KeyState.RETIRED:
        messages.info(request, "You can only distrust a retired key here.")
        return redirect("operator:signing_keys")
    if request.method == "POST":
        actions.distrust_signing_key(key, actor=actor, origin=Origin.of(request))
        messages.success(request, "You distrusted the key. We no longer accept anything it signed.")
        return redirect("operator:signing_keys")
    return render(request, "credentials/signing_keys/distrust_signing_key.html", {"key": key})
