from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import Organization


def find_organization(name_or_id: str) -> Organization:
    """The organization that an option of a command names. Raises `CommandError`."""
    try:
        found = Organization.objects.filter(pk=UUID(name_or_id))
    except ValueError:
        found = Organization.objects.filter(name=name_or_id)
    if not found:
        raise CommandError("No organization has this name or ID.")
    if len(found) > 1:
        raise CommandError(f"{len(found)} organizations have this name. Use the ID instead.")
    return found[0]
