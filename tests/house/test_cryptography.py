"""docs/reference/cryptography.md lists every key and use of cryptography, and they are strong."""

import base64
import random
import re
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import global_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.middleware.csrf import _get_new_csrf_string
from django.utils.crypto import get_random_string
from fido2.server import Fido2Server
from fido2.webauthn import PublicKeyCredentialRpEntity

from core import raw_secrets, vault
from credentials import jose
from credentials.models.signing_keys import KeyPurpose
from tests.house.sources import Source, sources
from tests.house.test_docs import sections, text_of
from tests.house.test_imports import imported_modules
from tests.house.test_tooling import known_settings

PAGE = "docs/reference/cryptography.md"
# Modules of cryptography and of random numbers.
CRYPTOGRAPHY = {
    "cryptography", "django.contrib.auth.hashers", "django.core.signing", "django.utils.crypto",
    "hashlib", "hmac", "jwt", "random", "secrets", "zlib",
}  # fmt: skip
# The password of the demo is public, base URLs hold no password, words aren't passwords, and days
# are no secret.
NO_KEYS = {
    "DEMO_PASSWORD", "PASSWORD_WORDS", "PRODUCTION_BASE_URL", "SANDBOX_BASE_URL",
    "TOKEN_SESSION_DAYS",
}  # fmt: skip
_KEY = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|_URL$")


def used_in(source: Source) -> set[str]:
    modules = set(imported_modules(source.tree))
    return {
        name
        for name in CRYPTOGRAPHY
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    }


def test_the_page_lists_every_use_of_cryptography() -> None:
    section = sections(text_of(PAGE), 2)["Uses in the code"]
    rows = re.findall(r"^\| `([\w/]+\.py)` \| (`[^|]+`) \| [^|]+ \|$", section, re.MULTILINE)
    listed = {file: set(re.findall(r"`([\w.]+)`", modules)) for file, modules in rows}
    assert listed == {source.name: found for source in sources() if (found := used_in(source))}
    assert [file for file, _modules in rows] == sorted(listed)


def test_the_page_lists_every_key_and_setting() -> None:
    parts = sections(text_of(PAGE), 2)
    settings = {name for name in known_settings() if _KEY.search(name)} - NO_KEYS
    keys = {*KeyPurpose.values, *settings}
    for heading in ("Keys", "Life of keys"):
        assert {key for key in keys if f"`{key}`" not in parts[heading]} == set(), heading


def challenge() -> str:
    server = Fido2Server(PublicKeyCredentialRpEntity(name="Console", id="localhost"))
    _options, state = server.authenticate_begin()
    return str(state["challenge"])


# Everything that must not be guessed, with the fewest characters of its alphabet.
MAKERS: dict[str, Callable[[], str]] = {
    "secret": lambda: raw_secrets.generate("cs_"),
    "session key": lambda: get_random_string(32),
    "CSRF secret": _get_new_csrf_string,
    "authenticator app": generate_totp_secret,
    "recovery code": lambda: raw_secrets.generate_word(groups=7),
    "challenge of a key": challenge,
    "signing key": lambda: f"{jose.generate_private_key().private_numbers().private_value:x}",
}


@pytest.mark.parametrize("name", MAKERS)
def test_random_numbers_come_from_the_system(name: str) -> None:
    """Python's other generator, which can be predicted, doesn't decide about them."""
    state = random.getstate()
    try:
        random.seed(1977)
        first = MAKERS[name]()
        random.seed(1977)
        second = MAKERS[name]()
    finally:
        random.setstate(state)
    assert first != second
    assert len(first) >= 32


def test_changed_ciphertexts_are_refused() -> None:
    sealed = vault.seal(b"secret")
    assert vault.unseal(sealed) == b"secret"
    prefix, _, encoded = sealed.partition(".")
    raw = base64.urlsafe_b64decode(encoded)
    for position, byte in enumerate(raw):
        changed = raw[:position] + bytes([byte ^ 1]) + raw[position + 1 :]
        with pytest.raises(vault.Unreadable):
            vault.unseal(f"{prefix}.{base64.urlsafe_b64encode(changed).decode()}")
    for damaged in ("", prefix, f"{prefix}.", f"{prefix}.AAAA", encoded, f"g2.{encoded}"):
        with pytest.raises(vault.Unreadable):
            vault.unseal(damaged)


def test_the_same_secret_is_never_sealed_the_same_way() -> None:
    assert len({vault.seal(b"secret") for _ in range(100)}) == 100


def test_passwords_are_hashed_slowly() -> None:
    """OWASP asks for 600,000 iterations or more. tests/house/test_production.py has the rest."""
    first = global_settings.PASSWORD_HASHERS[0]
    assert first == "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    assert (PBKDF2PasswordHasher.algorithm, PBKDF2PasswordHasher.digest.__name__) == (
        "pbkdf2_sha256", "openssl_sha256"
    )  # fmt: skip
    assert PBKDF2PasswordHasher.iterations >= 600_000
    assert f"{PBKDF2PasswordHasher.iterations:,} iterations" in text_of(PAGE)
