"""URL path converters."""

from accounts.environments import Environment


class EnvironmentConverter:
    regex = "sandbox|production"

    def to_python(self, value: str) -> Environment:
        return Environment(value)

    def to_url(self, value: str) -> str:
        return str(Environment(value))
