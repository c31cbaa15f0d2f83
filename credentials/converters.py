"""URL path converters."""

from credentials.models.signing_keys import KeyPurpose


class KeyPurposeConverter:
    regex = "credential|access-token"

    def to_python(self, value: str) -> KeyPurpose:
        return KeyPurpose(value)

    def to_url(self, value: str) -> str:
        return str(KeyPurpose(value))
