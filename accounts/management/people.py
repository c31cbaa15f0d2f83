from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import User
from core import email_addresses


def find_person(address: str) -> User:
    user = User.objects.filter(email=typed_address(address)).first()
    if user is None:
        raise CommandError("No one has this email address. Invite the person first.")
    return user


def typed_address(address: str) -> str:
    try:
        return email_addresses.normalized(address)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
