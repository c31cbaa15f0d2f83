"""Passkeys are enough to sign in, because the device verifies the person.

All other keys are second factors: a touch of one is never enough without a password.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.models import AnonymousUser
from fido2.webauthn import UserVerificationRequirement

from accounts.models import User


def is_passkey(key: Authenticator) -> bool:
    # Keys from browsers that didn't say what they made are of an unknown kind.
    return key.wrap().is_passwordless is True


def passkeys_of(user: User | AnonymousUser) -> list[Authenticator]:
    keys = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    return [key for key in keys if is_passkey(key)]


def request_key(user: User | AnonymousUser, *, has_entered_password: bool) -> dict[str, Any]:
    """What the page asks the browser for: a passkey of this person, which verifies them.

    After the password, any of their keys will do.
    """
    keys = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    wanted = list(keys) if has_entered_password else passkeys_of(user)
    verification = UserVerificationRequirement
    options, state = auth.get_server().authenticate_begin(
        credentials=[key.wrap().authenticator_data.credential_data for key in wanted],
        user_verification=(
            verification.DISCOURAGED if has_entered_password else verification.REQUIRED
        ),
    )
    auth.set_state(state)
    return dict(options)
