"""Policies in tests: saved directly, through the action, and as the form sends them."""

from typing import Any

from accounts.environments import Environment
from accounts.models import Organization
from accounts.roles import ConsoleRole
from credentials.actions.policies import update_policy
from credentials.models import Policy
from tests import cast
from tests.conftest import Rebels

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
PAGE = "/console/organization/policies"
EDIT = f"{PAGE}/sandbox"


def set_policy(
    organization: Organization, environment: Environment = SANDBOX, **values: Any
) -> Policy:
    """A policy row without audit event or confirmation."""
    policy, _ = Policy.objects.update_or_create(
        organization=organization, environment=environment, defaults=values
    )
    return policy


def save_policy(rebels: Rebels, *, confirmed: str = "", **changed: Any) -> Policy:
    """Through the action, by Leia unless `actor` is another."""
    actor = changed.pop("actor", rebels.leia.user)
    values: dict[str, Any] = {
        "max_lifetime_days": None,
        "expiry_required": False,
        "all_apps_allowed": True,
        "creator_role": ConsoleRole.DEVELOPER,
        "allowed_networks": [],
    }
    return update_policy(
        rebels.organization,
        SANDBOX,
        values | changed,
        confirmed=confirmed,
        actor=actor,
        origin=cast.ORIGIN,
    )


def policy_form(**changed: Any) -> dict[str, Any]:
    """The form of a policy without limits."""
    unlimited = {
        "max_lifetime_days": "",
        "all_apps_allowed": "on",
        "creator_role": "developer",
        "allowed_networks": "",
    }
    return unlimited | changed
