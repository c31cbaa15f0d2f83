"""Lists of app scopes that people choose: those of an app, and the ceiling of a credential."""

from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError


def chosen_scopes(chosen: Sequence[str], *, held: Sequence[str], field: str) -> list[str]:
    """The scopes in the order of the platform file. Raises `ValidationError` for the field.

    Those that the platform no longer offers can stay if they are in `held`, but can't be added.
    """
    offered = settings.PLATFORM.scopes
    kept = [scope for scope in held if scope in chosen and scope not in offered]
    if unknown := sorted(set(chosen) - offered.keys() - set(kept)):
        raise ValidationError({field: f"The platform doesn’t offer {', '.join(unknown)}."})
    return [scope for scope in offered if scope in chosen] + kept


def chosen_ceiling(
    chosen: Sequence[str] | None, *, held: Sequence[str] | None = None
) -> list[str] | None:
    """The ceiling of a credential; None for no ceiling. Raises `ValidationError`."""
    if chosen is None:
        return None
    if not chosen:
        # An empty list would look like no ceiling.
        raise ValidationError({"ceiling": "Choose at least one app scope."})
    return chosen_scopes(chosen, held=held or (), field="ceiling")


def widens(before: Sequence[str] | None, after: Sequence[str] | None) -> bool:
    """Whether a new ceiling includes a scope that the one before did not."""
    if before is None or after is None:
        return before is not None and after is None
    included = settings.PLATFORM.effective_scopes(before) | set(before)
    return not settings.PLATFORM.effective_scopes(after) | set(after) <= included
