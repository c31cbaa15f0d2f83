"""Which console roles need a second factor, and who has one. Credentials never need one."""

from collections.abc import Sequence
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db.models import Count, Exists, OuterRef, Q

from accounts.models import Membership, Organization, User
from accounts.roles import ConsoleRole

# Account administrators don't need a console role, so the policy can name them separately.
ACCOUNT_ADMIN = "account_admin"
SECOND_FACTOR_ROLES: dict[str, str] = {
    ConsoleRole.AUDITOR.value: "Auditors",
    ConsoleRole.DEVELOPER.value: "Developers",
    ConsoleRole.DEVELOPER_ADMIN.value: "Developer Admins",
    ACCOUNT_ADMIN: "Account administrators",
}
# Recovery codes only replace one of these.
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True)
class Coverage:
    """The number of active people with a role, and how many of them have no second factor."""

    people: int
    without: int

    @property
    def words(self) -> str:
        if not self.people:
            return "No one has this role."
        have = "doesn’t have" if self.without == 1 else "don’t have"
        return f"{self.without} of {self.people} {have} one yet."


def has_second_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=_FACTORS).exists())


def needed_by(membership: Membership, roles: Sequence[str]) -> bool:
    return membership.role in roles or (membership.is_account_admin and ACCOUNT_ADMIN in roles)


def is_missing(user: User, membership: Membership | None) -> bool:
    """Whether someone needs a second factor and has none. Operators always need one."""
    required = user.is_staff or (
        membership is not None and needed_by(membership, membership.organization.mfa_required_roles)
    )
    return required and not has_second_factor(user)


def coverage(organization: Organization) -> dict[str, Coverage]:
    factor = Authenticator.objects.filter(user=OuterRef("user"), type__in=_FACTORS)
    holders = {
        role: Q(is_account_admin=True) if role == ACCOUNT_ADMIN else Q(role=role)
        for role in SECOND_FACTOR_ROLES
    }
    people = Membership.objects.filter(organization=organization, user__is_active=True).annotate(
        has_factor=Exists(factor)
    )
    counts = people.aggregate(
        **{f"{role}_people": Count("pk", filter=who) for role, who in holders.items()},
        **{
            f"{role}_without": Count("pk", filter=who & Q(has_factor=False))
            for role, who in holders.items()
        },
    )
    return {
        role: Coverage(counts[f"{role}_people"], counts[f"{role}_without"])
        for role in SECOND_FACTOR_ROLES
    }
