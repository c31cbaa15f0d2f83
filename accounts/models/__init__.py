from accounts.models.access_requests import AccessRequest
from accounts.models.audit import AuditEvent, AuditKind
from accounts.models.devices import Device
from accounts.models.extensions import Extension
from accounts.models.invitations import Invitation
from accounts.models.notices import Notice, NoticeKind
from accounts.models.organizations import Membership, Organization
from accounts.models.platform_accounts import PlatformAccount
from accounts.models.seals import AuditSeal
from accounts.models.users import User

__all__ = [
    "AccessRequest",
    "AuditEvent",
    "AuditKind",
    "AuditSeal",
    "Device",
    "Extension",
    "Invitation",
    "Membership",
    "Notice",
    "NoticeKind",
    "Organization",
    "PlatformAccount",
    "User",
]
