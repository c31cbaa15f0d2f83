"""The nginx sample of the docs accepts only strong TLS."""

import re
import ssl

from tests.house.test_docs import text_of


def setting(name: str) -> str:
    found = re.findall(rf"^ +{name} +([^;]+);$", text_of("docs/how-to/install.md"), re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


def test_the_proxy_of_the_docs_accepts_only_tls_1_2_and_1_3() -> None:
    assert setting("ssl_protocols").split() == ["TLSv1.2", "TLSv1.3"]


def test_the_proxy_of_the_docs_prefers_the_strongest_of_strong_ciphers() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = setting("ssl_ciphers").split(":")
    context.set_ciphers(":".join(names))
    ciphers = {each["name"]: each for each in context.get_ciphers()}
    assert ciphers.keys() >= set(names)
    for name in names:
        # Forward secrecy and authenticated encryption.
        assert (ciphers[name]["kea"], ciphers[name]["aead"]) == ("kx-ecdhe", True), name
    bits = [ciphers[name]["strength_bits"] for name in names]
    assert bits == sorted(bits, reverse=True)
    assert setting("ssl_prefer_server_ciphers") == "on"
