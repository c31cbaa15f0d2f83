"""Every spelling of an email address is the same address, and none hides a character."""

import pytest
from django.core.exceptions import ValidationError

from core.email_addresses import normalized


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" Luke@Rebels.Example ", "luke@rebels.example"),
        # Some browsers send a domain in ASCII, and others as it was typed.
        ("luke@Bücher.example", "luke@xn--bcher-kva.example"),
        ("luke@BU\u0308CHER.example", "luke@xn--bcher-kva.example"),
        ("luke@xn--bcher-kva.example", "luke@xn--bcher-kva.example"),
        ("luke@straße.example", "luke@xn--strae-oqa.example"),
        ("luke@rebels。example", "luke@rebels.example"),
        ("luke@ｒebels.example", "luke@rebels.example"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(typed: str, address: str) -> None:
    assert normalized(typed) == normalized(address) == address


@pytest.mark.parametrize(
    "character", ["\u200b", "\u200d", "\u00ad", "\u202e", "\ufeff", "\u3164", "\x00", "\n", "\t"]
)
@pytest.mark.parametrize("typed", ["x{}@rebels.example", "x@rebels{}.example"])
def test_invisible_characters_are_refused(typed: str, character: str) -> None:
    with pytest.raises(ValidationError):
        normalized(typed.format(character))


@pytest.mark.parametrize("domain", ["é..example", "-é.example", "é" * 70 + ".example", "é\u0378.x"])
def test_domains_that_cannot_exist_are_refused(domain: str) -> None:
    with pytest.raises(ValidationError, match="Enter a valid email address"):
        normalized(f"x@{domain}")
