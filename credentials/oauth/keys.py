from credentials import jose
from credentials.models import SigningKey
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth.lookup import Lookup


def trusted_key(kid: str, purpose: KeyPurpose, lookup: Lookup | None) -> SigningKey | None:
    key = lookup.key if lookup else None
    if key is None or key.kid != kid:
        key = SigningKey.objects.filter(kid=kid).first() if kid else None
    if key is None or key.purpose != purpose:
        return None
    if key.distrusted_at is not None:
        jose.forget_key(key.public_jwk)
        return None
    return key
