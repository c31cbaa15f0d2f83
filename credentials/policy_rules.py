"""The rules of a policy. They are data, like `CHECKS`, so that every caller walks the same tuple:
creation, edit, rotation, the Auth API, every form, and the pages about policies.

To add a rule: a column of `Policy` with its migration, an entry here, a field of `PolicyForm`
with the same name, and a scene in tests/credentials/test_policy_rules.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Q

from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsoleRole
from core import networks
from core.moments import day_in_words
from credentials.models.app_access import AppAccess
from credentials.models.expiration import NEVER
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.policies import MAX_LIFETIME_DAYS, Policy


class Stage(StrEnum):
    """When a rule is checked: a use is an exchange, a refresh or a call."""

    CREATION = "creation"
    EDIT = "edit"
    USE = "use"


@dataclass(frozen=True, kw_only=True)
class PolicyRule:
    """One rule. It refuses a credential, its creator, or the address of a call."""

    name: str
    """The column of `Policy` and the field of `PolicyForm`."""
    title: str
    """Its row in the table of policies."""
    section: str
    """The heading above its field in the form."""
    setting: Callable[[Policy], str]
    """What the policy sets, in words; empty if it sets no limit."""
    unlimited: str
    """What the table says when there is no limit."""
    requirement: Callable[[Policy], str]
    """A sentence for pages and errors; empty if the policy sets no limit."""
    checked_at: frozenset[Stage]
    credential_field: str = ""
    """The field of the credential's form that shows a refusal."""
    advice: str = ""
    """What to do about a refusal at creation or edit; `{latest_day}` is filled in."""
    refused_choice: str = ""
    """The choice of `credential_field` that the rule refuses; without one, it wants a value."""
    refuses_credential: Callable[[Policy, JwtCredential], bool] | None = None
    refuses_creator: Callable[[Policy, Membership], bool] | None = None
    refuses_address: Callable[[Policy, str], bool] | None = None
    stops: Callable[[Policy], Q] | None = None
    """Which credentials a use refuses: `refuses_credential` as a condition of a query."""
    narrows: Callable[[Policy, Policy], bool] | None = None
    """Whether a change lets credentials keep working, but from fewer addresses."""
    cleaned: Callable[[Any], Any] = lambda value: value
    """The value as it is saved. Raises `ValidationError`."""
    recorded: Callable[[Policy], Any] | None = None
    """The value in the audit log, if that is not the value of the column."""
    recorded_name: str = ""

    def explanation(self, policy: Policy, at: datetime) -> str:
        """What the rule requires and what to do, for a form that is filled in at this time."""
        latest = policy.latest_day(at)
        latest_day = "" if latest is None else day_in_words(latest)
        return f"{self.requirement(policy)} {self.advice.format(latest_day=latest_day)}"

    @property
    def audit_name(self) -> str:
        return self.recorded_name or self.name

    def audit_value(self, policy: Policy) -> Any:
        return self.recorded(policy) if self.recorded else getattr(policy, self.name)


def _lifetime_in_words(policy: Policy) -> str:
    days = policy.max_lifetime_days
    return "" if days is None else f"{days} day{'' if days == 1 else 's'}"


def _lasts_too_long(policy: Policy, credential: JwtCredential) -> bool:
    longest = policy.max_lifetime
    return longest is not None and credential.expires_at - credential.issued_at > longest


def _days(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= MAX_LIFETIME_DAYS:
        raise ValidationError(
            f"Choose a number from 1 to {MAX_LIFETIME_DAYS}, or leave the field empty."
        )
    return value


def _admins_only(policy: Policy) -> bool:
    return policy.creator_role == ConsoleRole.DEVELOPER_ADMIN


RULES: tuple[PolicyRule, ...] = (
    PolicyRule(
        name="expiry_required",
        title="Expiration date",
        section="Lifetime",
        # A credential that never expires would outlive any maximum lifetime too.
        setting=lambda policy: "Required" if policy.needs_expiry else "",
        unlimited="Optional",
        requirement=lambda policy: (
            "Every credential needs an expiration date." if policy.expiry_required else ""
        ),
        checked_at=frozenset({Stage.CREATION, Stage.USE}),
        credential_field="expires_on",
        advice="Choose a date.",
        refuses_credential=lambda policy, credential: (
            policy.expiry_required and credential.never_expires
        ),
        stops=lambda _: Q(expires_at__gte=NEVER),
    ),
    PolicyRule(
        name="max_lifetime_days",
        title="Maximum lifetime",
        section="Lifetime",
        setting=_lifetime_in_words,
        unlimited="No limit",
        requirement=lambda policy: (
            f"A credential can last at most {_lifetime_in_words(policy)}."
            if policy.max_lifetime_days is not None
            else ""
        ),
        checked_at=frozenset({Stage.CREATION, Stage.USE}),
        credential_field="expires_on",
        advice="Choose {latest_day} or earlier.",
        refuses_credential=_lasts_too_long,
        stops=lambda policy: Q(expires_at__gt=F("issued_at") + policy.max_lifetime),
        cleaned=_days,
    ),
    PolicyRule(
        name="all_apps_allowed",
        title="Credentials for all apps",
        section="Apps and networks",
        setting=lambda policy: "" if policy.all_apps_allowed else "Not allowed",
        unlimited="Allowed",
        requirement=lambda policy: (
            "" if policy.all_apps_allowed else "A credential can only allow specific apps."
        ),
        checked_at=frozenset({Stage.CREATION, Stage.EDIT, Stage.USE}),
        credential_field="app_access",
        advice="Choose specific apps.",
        refused_choice=AppAccess.ORGANIZATION,
        refuses_credential=lambda policy, credential: (
            not policy.all_apps_allowed and credential.app_access == AppAccess.ORGANIZATION
        ),
        stops=lambda _: Q(app_access=AppAccess.ORGANIZATION),
    ),
    PolicyRule(
        name="allowed_networks",
        title="Allowed networks",
        section="Apps and networks",
        setting=lambda policy: ", ".join(policy.allowed_networks),
        unlimited="Any",
        requirement=lambda policy: (
            f"Apps can only call from {', '.join(policy.allowed_networks)}."
            if policy.allowed_networks
            else ""
        ),
        checked_at=frozenset({Stage.USE}),
        refuses_address=lambda policy, address: (
            not networks.allows(address, policy.allowed_networks)
        ),
        narrows=lambda before, after: networks.narrows(
            before.allowed_networks, after.allowed_networks
        ),
        cleaned=networks.canonical_networks,
    ),
    PolicyRule(
        name="creator_role",
        title="Who can create credentials",
        section="People",
        setting=lambda policy: "Developer Admins only" if _admins_only(policy) else "",
        unlimited="Developers and Developer Admins",
        requirement=lambda policy: (
            "Only Developer Admins can create credentials." if _admins_only(policy) else ""
        ),
        checked_at=frozenset({Stage.CREATION}),
        credential_field="environment",
        advice="Ask one of them to create it for you.",
        refuses_creator=lambda policy, creator: (
            creator.role not in (ConsoleRole.DEVELOPER_ADMIN, policy.creator_role)
        ),
        recorded_name="creators",
        recorded=lambda policy: f"{ConsoleRole(policy.creator_role).label}s",
    ),
)

# Bound once: every exchange and every call walks the rules of a use.
_CREDENTIAL_RULES = {
    stage: tuple(
        (rule, rule.refuses_credential)
        for rule in RULES
        if rule.refuses_credential is not None and stage in rule.checked_at
    )
    for stage in Stage
}
_ADDRESS_RULES = tuple(
    (rule, rule.refuses_address)
    for rule in RULES
    if rule.refuses_address is not None and Stage.USE in rule.checked_at
)
_RULES_OF_A_USE = _CREDENTIAL_RULES[Stage.USE]
CHECKED_AT_USE = tuple(rule.name for rule in RULES if Stage.USE in rule.checked_at)


def credential_rules(stage: Stage) -> list[PolicyRule]:
    """The rules about a credential itself that are checked at this stage."""
    return [rule for rule, _ in _CREDENTIAL_RULES[stage]]


def refusal_of_use(policy: Policy, credential: JwtCredential) -> str | None:
    """Why the policy refuses every use of a credential (JWT-107)."""
    for rule, refuses in _RULES_OF_A_USE:
        if refuses(policy, credential):
            why = rule.requirement(policy)
            return f"The organization policy does not allow this credential. {why}"
    return None


def refusal_of_address(policy: Policy, address: str) -> str | None:
    """Why the policy refuses a use from an address (JWT-107)."""
    for _, refuses in _ADDRESS_RULES:
        if refuses(policy, address):
            # The allowed networks stay unsaid: a thief with the JWT reads this message as well.
            seen = address or "unknown"
            return f"The organization policy does not allow calls from the address {seen}."
    return None


def refusal_of_creator(policy: Policy, creator: Membership) -> str | None:
    """Why this person can't create credentials in the policy's environment."""
    where = Environment(policy.environment).label.lower()
    for rule in RULES:
        if rule.refuses_creator is not None and rule.refuses_creator(policy, creator):
            return (
                f"The organization policy does not allow you to create {where} credentials. "
                f"{rule.requirement(policy)} {rule.advice}"
            )
    return None


def refusals_of_form(policy: Policy, credential: JwtCredential, stage: Stage) -> dict[str, str]:
    """The message for each field of a credential's form that breaks a rule."""
    found: dict[str, str] = {}
    for rule, refuses in _CREDENTIAL_RULES[stage]:
        if refuses(policy, credential):
            why = rule.explanation(policy, credential.issued_at)
            found.setdefault(
                rule.credential_field, f"The organization policy does not allow this. {why}"
            )
    return found


def refusals_of_creation(
    policy: Policy, credential: JwtCredential, creator: Membership
) -> dict[str, str]:
    """The same for a new credential, and for the person who creates it."""
    found = refusals_of_form(policy, credential, Stage.CREATION)
    if (refusal := refusal_of_creator(policy, creator)) is not None:
        found["environment"] = refusal
    return found


def requirements(policy: Policy) -> list[str]:
    """What a policy requires, in sentences; nothing if it sets no limit."""
    return [sentence for rule in RULES if (sentence := rule.requirement(policy))]


def settings_to_record(policy: Policy) -> dict[str, Any]:
    """The values of a policy as the audit log tells them."""
    return {rule.audit_name: rule.audit_value(policy) for rule in RULES}


def stopped_by(policy: Policy) -> Q:
    """The credentials of the policy's organization and environment whose uses it refuses."""
    stopped = Q(pk__in=[])
    for rule in RULES:
        if rule.stops is not None and rule.requirement(policy):
            stopped |= rule.stops(policy)
    return stopped


def narrows(before: Policy, after: Policy) -> bool:
    """Whether credentials keep working after the change, but from fewer addresses."""
    return any(rule.narrows is not None and rule.narrows(before, after) for rule in RULES)
