"""Shows what a policy requires in the fields of a credential's form, before anyone sends it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from django import forms

from accounts.environments import Environment
from accounts.forms.widgets import DescribedRadioSelect, Disabled
from credentials.models import Policy
from credentials.policy_rules import PolicyRule, Stage, credential_rules

Policies = Mapping[Environment, Policy]


def limit_fields(form: forms.Form, policies: Policies, stage: Stage, at: datetime) -> None:
    """Describe the rules of this stage; `policies` are those of the environments on offer.

    A field is required, and a choice disabled, only if the policies of all of them agree.
    """
    _limit_dates(form, policies, at)
    requiring = defaultdict[str, set[Environment]](set)
    for rule in credential_rules(stage):
        limiting = {
            where: rule.explanation(policy, at)
            for where, policy in policies.items()
            if rule.credential_field in form.fields and rule.requirement(policy)
        }
        if limiting and rule.refused_choice:
            _limit_choice(form, rule, limiting, everywhere=len(limiting) == len(policies))
        elif limiting:
            _explain(form.fields[rule.credential_field], limiting)
            requiring[rule.credential_field] |= limiting.keys()
    for name, environments in requiring.items():
        form.fields[name].required = environments == policies.keys()


def _explain(field: forms.Field, limiting: dict[Environment, str]) -> None:
    named = _named(limiting)
    field.help_text = " ".join([_without_optional(str(field.help_text)), *named])
    field.error_messages["required"] = " ".join(named)


def _limit_dates(form: forms.Form, policies: Policies, at: datetime) -> None:
    if (field := form.fields.get("expires_on")) is None:
        return
    field.widget.attrs["min"] = at.astimezone(UTC).date().isoformat()
    days = [day for policy in policies.values() if (day := policy.latest_day(at)) is not None]
    if days and len(days) == len(policies):
        field.widget.attrs["max"] = max(days).isoformat()


def _limit_choice(
    form: forms.Form, rule: PolicyRule, limiting: dict[Environment, str], *, everywhere: bool
) -> None:
    field, choice = form.fields[rule.credential_field], rule.refused_choice
    widget = field.widget
    assert isinstance(widget, DescribedRadioSelect)  # noqa: S101 - rules refuse described choices
    if everywhere:
        widget.disabled = {choice: Disabled(next(iter(limiting.values())))}
        others = [value for value, _ in widget.choices if value != choice]
        form.initial.setdefault(rule.credential_field, others[0])
        return
    described = " ".join([widget.descriptions[choice], *_named(limiting)])
    widget.descriptions = widget.descriptions | {choice: described}


def _named(limiting: dict[Environment, str]) -> list[str]:
    return [f"{where.label}: {explanation}" for where, explanation in limiting.items()]


def _without_optional(help_text: str) -> str:
    """A help text that begins with `Optional` says in its first sentence what empty means."""
    return help_text.partition(". ")[2] if help_text.startswith("Optional") else help_text
