"""The ways people sign in. django-allauth changes them, and these actions record the changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit, notices
from accounts.models import AuditKind, User
from accounts.recovery_codes import DIGESTS, digest, generate
from accounts.second_factor import has_second_factor
from core import vault
from core.origin import Origin

FACTOR_NAMES: dict[str, str] = {
    Authenticator.Type.TOTP: "authenticator app",
    Authenticator.Type.WEBAUTHN: "passkey or security key",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}
# How long a code of an authenticator app is shown, in seconds.
STEP = 30
# In the data of an authenticator app: the step of the last code that was used.
_LAST_STEP = "last_step"
# The parts of an authenticator's data that are sealed.
_SECRETS = ("secret", "seed")


@dataclass(frozen=True)
class FactorsResealed:
    """The people whose factors were sealed again, and those whose factors no key opens."""

    resealed: list[User]
    unreadable: list[User]


@transaction.atomic
def note_factor_change(
    user: User,
    kind: AuditKind,
    *,
    actor: User | None,
    origin: Origin,
    factor: str = "",
) -> None:
    details: dict[str, Any] = {"factor": factor} if factor else {}
    audit.record(kind, actor=actor, origin=origin, target=user, **details)


@transaction.atomic
def remove_second_factors(user: User, *, proof: str, origin: Origin) -> list[str]:
    """Remove every second factor of a person who lost them all; return the names.

    Only the operator's command calls this, after the operator checked who asked: the password
    alone is then enough to sign in. `proof` says how. We tell the person, in case someone else
    asked.
    """
    found = list(Authenticator.objects.filter(user=user).order_by("pk"))
    names = sorted({FACTOR_NAMES[authenticator.type] for authenticator in found})
    if names:
        Authenticator.objects.filter(user=user).delete()
        audit.record(
            AuditKind.FACTOR_REMOVED,
            actor=None,
            origin=origin,
            target=user,
            factor=", ".join(names),
            proof=proof,
        )
        notices.second_factor_reset(user, ", ".join(names))
    return names


@transaction.atomic
def use_code(factor: Authenticator, code: str, *, at: datetime | None = None) -> bool:
    """Whether the code of an authenticator app or a recovery code is right; it works once.

    The row says which code was used last, so that no restart and no other process forgets it.
    """
    locked = Authenticator.objects.select_for_update().get(pk=factor.pk)
    if locked.type != Authenticator.Type.TOTP:
        return _use_recovery_code(locked, code)
    secret = decrypt(locked.data["secret"])
    now = int((at or timezone.now()).timestamp()) // STEP
    # RFC 6238 §5.2: also the code of the step before, because clocks drift and people type slowly.
    for step in (now, now - 1):
        expected = format_hotp_value(hotp_value(secret, step))
        is_right = compare_user_code(actual=code, expected=expected)
        if is_right and step > locked.data.get(_LAST_STEP, 0):
            locked.data[_LAST_STEP] = step
            locked.save(update_fields=["data"])
            return True
    return False


def _use_recovery_code(locked: Authenticator, code: str) -> bool:
    if DIGESTS not in locked.data:
        return bool(locked.wrap().validate_code(code))
    left, used = locked.data[DIGESTS], digest(code)
    if used not in left:
        return False
    locked.data[DIGESTS] = [each for each in left if each != used]
    locked.save(update_fields=["data"])
    return True


@transaction.atomic
def make_recovery_codes(user: User, *, origin: Origin) -> list[str]:
    """Ten new codes, which are stored nowhere. The former ones stop working."""
    if not has_second_factor(user):
        raise ValidationError(
            "Recovery codes replace a lost second factor. Set up an authenticator app or a key "
            "first."
        )
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes = generate()
    Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.RECOVERY_CODES,
        data={DIGESTS: [digest(code) for code in codes]},
    )
    audit.record(AuditKind.RECOVERY_CODES_MADE, actor=user, origin=origin, target=user)
    return codes


def reseal_second_factors() -> FactorsResealed:
    outcome = FactorsResealed([], [])
    for authenticator in due_second_factors():
        try:
            _reseal(authenticator)
        except vault.Unreadable:
            outcome.unreadable.append(authenticator.user)
        else:
            outcome.resealed.append(authenticator.user)
    return outcome


def due_second_factors() -> list[Authenticator]:
    sealed = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
    return [
        authenticator
        for authenticator in sealed.select_related("user").order_by("pk")
        if not all(map(vault.is_sealed_with_newest, _sealed(authenticator).values()))
    ]


def _sealed(authenticator: Authenticator) -> dict[str, str]:
    return {name: authenticator.data[name] for name in _SECRETS if name in authenticator.data}


@transaction.atomic
def _reseal(authenticator: Authenticator) -> None:
    locked = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
    sealed = _sealed(locked)
    locked.data |= {name: vault.reseal(value) for name, value in sealed.items()}
    locked.save(update_fields=["data"])
