from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.actions.users import require_operator
from accounts.environments import Environment
from accounts.models import AuditKind, User
from core import vault
from core.origin import Origin
from credentials import jose
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose


def current_signing_key(environment: str, purpose: KeyPurpose) -> SigningKey:
    """The key that signs now. The first use creates it."""
    key = SigningKey.objects.current(environment, purpose).first()
    if key is not None:
        return key
    try:
        return _first_signing_key(environment, purpose, origin=Origin(user_agent="first use"))
    except IntegrityError:
        # Another process created the key at the same time, and the constraint refused ours.
        return SigningKey.objects.current(environment, purpose).get()


@transaction.atomic
def rotate_signing_key(
    environment: Environment,
    purpose: KeyPurpose,
    *,
    compromised: bool,
    origin: Origin,
    actor: User | None = None,
    expected: str = "",
) -> SigningKey:
    """Make the next key current, and create another next key; the former key still verifies.

    With `compromised`, the former key and the next key are distrusted, and a new key becomes
    current. A next key that can't be decrypted is distrusted as well, because it can't sign.
    `expected` is the `kid` of the key to retire: if another key is current already, raises
    `ValidationError`, so that sending a form twice rotates once.
    """
    require_operator(actor)
    former = _locked_current(environment, purpose)
    now = timezone.now()
    if former is None:
        return _first_signing_key(environment, purpose, actor=actor, origin=origin)
    if expected and expected != former.kid:
        raise ValidationError("This key has already been rotated, so we didn’t rotate it again.")
    following = SigningKey.objects.next(environment, purpose).first()
    if following is not None and (compromised or not following.can_sign):
        # Both keys were stored together, so the thief of one may have the other, and a lost
        # encryption key usually sealed both.
        following.distrusted_at = now
        following.save(update_fields=["distrusted_at"])
        following = None
    former.retired_at = now
    former.distrusted_at = now if compromised else None
    former.save(update_fields=["retired_at", "distrusted_at"])
    successor = following or _create_next_key(environment, purpose, actor=actor, origin=origin)
    successor.activated_at = now
    successor.save(update_fields=["activated_at"])
    _create_next_key(environment, purpose, actor=actor, origin=origin)
    audit.record(
        AuditKind.SIGNING_KEY_ROTATED,
        actor=actor,
        origin=origin,
        target=former,
        compromised=compromised,
        successor=successor.kid,
    )
    return successor


def _locked_current(environment: Environment, purpose: KeyPurpose) -> SigningKey | None:
    # If another rotation retired the key while this one waited for the lock, the row no longer
    # matches, and the key after it is locked instead.
    current = SigningKey.objects.current(environment, purpose)
    while (key := current.select_for_update().first()) is None:
        if not current.exists():
            return None
    return key


@transaction.atomic
def distrust_signing_key(
    key: SigningKey, *, origin: Origin, actor: User | None = None
) -> SigningKey:
    require_operator(actor)
    locked = SigningKey.objects.select_for_update().get(pk=key.pk)
    if locked.retired_at is None:
        raise ValidationError("This key isn’t retired. Rotate it as compromised instead.")
    if locked.distrusted_at is not None:
        return locked
    locked.distrusted_at = timezone.now()
    locked.save(update_fields=["distrusted_at"])
    audit.record(AuditKind.SIGNING_KEY_DISTRUSTED, actor=actor, origin=origin, target=locked)
    return locked


@dataclass(frozen=True)
class Resealing:
    resealed: list[SigningKey]
    unreadable: list[SigningKey]
    """Current and next keys that `KEY_ENCRYPTION_KEYS` can't decrypt. Rotating replaces them."""
    lost: list[SigningKey]
    """Former keys that it can't decrypt. They still verify, and nothing brings them back."""


def due_signing_keys() -> list[SigningKey]:
    """The keys to seal again, without the lost ones."""
    return [
        key
        for key in SigningKey.objects.order_by("kid")
        if not vault.is_sealed_with_newest(key.sealed_private_key)
        and (key.is_in_service or key.can_sign)
    ]


def reseal_signing_keys(*, origin: Origin) -> Resealing:
    outcome = Resealing([], [], [])
    for key in SigningKey.objects.order_by("kid"):
        if vault.is_sealed_with_newest(key.sealed_private_key):
            continue
        try:
            outcome.resealed.append(_reseal(key, origin=origin))
        except vault.Unreadable:
            (outcome.unreadable if key.is_in_service else outcome.lost).append(key)
    return outcome


@transaction.atomic
def _reseal(key: SigningKey, *, origin: Origin) -> SigningKey:
    key.sealed_private_key = vault.reseal(key.sealed_private_key)
    key.save(update_fields=["sealed_private_key"])
    audit.record(AuditKind.SIGNING_KEY_RESEALED, actor=None, origin=origin, target=key)
    return key


@transaction.atomic
def _first_signing_key(
    environment: str, purpose: KeyPurpose, *, origin: Origin, actor: User | None = None
) -> SigningKey:
    key = SigningKey.objects.next(environment, purpose).first() or _create_next_key(
        environment, purpose, actor=actor, origin=origin
    )
    key.activated_at = key.created_at
    key.save(update_fields=["activated_at"])
    _create_next_key(environment, purpose, actor=actor, origin=origin)
    return key


def _create_next_key(
    environment: str, purpose: KeyPurpose, *, actor: User | None, origin: Origin
) -> SigningKey:
    private_key = jose.generate_private_key()
    jwk = jose.public_jwk(private_key)
    key = SigningKey.objects.create(
        kid=jwk["kid"],
        environment=environment,
        purpose=purpose,
        public_jwk=jwk,
        sealed_private_key=jose.seal(private_key),
    )
    audit.record(AuditKind.SIGNING_KEY_CREATED, actor=actor, origin=origin, target=key)
    return key
