from argparse import ArgumentTypeError

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import User
from core import email_addresses

# Enough to say what was checked, and how.
MIN_PROOF, MAX_PROOF = 12, 200


def find_person(address: str) -> User:
    user = User.objects.filter(email=typed_address(address)).first()
    if user is None:
        raise CommandError("No one has this email address. Invite the person first.")
    return user


def typed_proof(text: str) -> str:
    """An argument that says how a person proved who they are."""
    proof = " ".join(text.split())
    if not MIN_PROOF <= len(proof) <= MAX_PROOF:
        raise ArgumentTypeError(
            f"say in {MIN_PROOF} to {MAX_PROOF} characters what you checked, such as "
            "'ID card, by video call, with her manager Leia Organa'"
        )
    return proof


def typed_address(address: str) -> str:
    try:
        return email_addresses.normalized(address)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
