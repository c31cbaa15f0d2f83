from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind
from accounts.origin import Origin
from credentials import jose
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose


def current_signing_key(environment: str, purpose: KeyPurpose) -> SigningKey:
    """The key that signs now, made on first use."""
    key = SigningKey.objects.current(environment, purpose).first()
    if key is not None:
        return key
    try:
        return _create_signing_key(environment, purpose, origin=Origin(user_agent="first use"))
    except IntegrityError:
        # Two processes met on first use; the constraint let one of them win.
        return SigningKey.objects.current(environment, purpose).get()


@transaction.atomic
def rotate_signing_key(
    environment: Environment, purpose: KeyPurpose, *, compromised: bool, origin: Origin
) -> SigningKey:
    """A new signing key; the former verifies on, unless `compromised` distrusts it at once."""
    now = timezone.now()
    former = SigningKey.objects.select_for_update().current(environment, purpose).first()
    if former is not None:
        former.retired_at = now
        former.distrusted_at = now if compromised else None
        former.save(update_fields=["retired_at", "distrusted_at"])
        audit.record(
            AuditKind.SIGNING_KEY_ROTATED,
            actor=None,
            origin=origin,
            target=former,
            compromised=compromised,
        )
    return _create_signing_key(environment, purpose, origin=origin)


@transaction.atomic
def _create_signing_key(environment: str, purpose: KeyPurpose, *, origin: Origin) -> SigningKey:
    private_key = jose.generate_private_key()
    jwk = jose.public_jwk(private_key)
    key = SigningKey.objects.create(
        kid=jwk["kid"],
        environment=environment,
        purpose=purpose,
        public_jwk=jwk,
        sealed_private_key=jose.seal(private_key),
    )
    audit.record(AuditKind.SIGNING_KEY_CREATED, actor=None, origin=origin, target=key)
    return key
