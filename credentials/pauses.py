"""Who can end the pause of a credential."""

from datetime import timedelta

from accounts.models import Membership
from accounts.roles import ConsolePermission
from credentials.models import JwtCredential

LONGEST_PAUSE = timedelta(days=30)


def may_resume(credential: JwtCredential, membership: Membership) -> bool:
    """Whether a person who manages the credential can change its pause.

    An owner can't undo the pause of an administrator.
    """
    if membership.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_ANY) or not credential.is_paused():
        return True
    return credential.paused_by_id == membership.user_id
