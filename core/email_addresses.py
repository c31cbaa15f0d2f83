"""One spelling for each email address, wherever we store or look up one.

The same address reaches us in several spellings: with capital letters, with a domain in Unicode or,
as some browsers send it, in ASCII (RFC 5890), and with an invisible character from copied text.
Without one spelling, people couldn't sign in with what they read.
"""

import idna
from django.core.exceptions import ValidationError

from core import texts


def normalized(address: str) -> str:
    """The address in lower case, with its domain in ASCII.

    Raises `ValidationError` for invisible characters and for domains that can't exist. It doesn't
    check anything else.
    """
    address = address.strip()
    if fault := texts.fault_of(address):
        raise ValidationError(fault, code="unseen")
    local_part, at, domain = address.rpartition("@")
    return f"{local_part}{at}{_in_ascii(domain)}".lower()


def _in_ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValidationError("Enter a valid email address.", code="invalid") from error
