"""The two environments and their URLs."""

from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import TextChoices
from django.http import QueryDict


class Environment(TextChoices):
    SANDBOX = "sandbox", "Sandbox"
    PRODUCTION = "production", "Production"

    @property
    def other(self) -> "Environment":
        return Environment.PRODUCTION if self is Environment.SANDBOX else Environment.SANDBOX

    @property
    def urls(self) -> "EnvironmentUrls":
        return urls_of(self)


@dataclass(frozen=True)
class EnvironmentUrls:
    """The addresses of one environment, without a slash at the end."""

    base_url: str
    previous_base_urls: tuple[str, ...]

    @cached_property
    def token_endpoint(self) -> str:
        return token_endpoint(self.base_url)

    @cached_property
    def rest_api(self) -> str:
        """The audience of access tokens (RFC 9068 §2.2)."""
        return f"{self.base_url}/restapi"

    @cached_property
    def accepted_base_urls(self) -> tuple[str, ...]:
        """Issuers whose credentials are valid: the current base URL and earlier ones."""
        return (self.base_url, *self.previous_base_urls)

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc.lower()

    @property
    def path_prefix(self) -> str:
        """The path of the base URL as a URLconf prefix: `sandbox/`, or empty at a host's root."""
        path = urlsplit(self.base_url).path.strip("/")
        return f"{path}/" if path else ""


def wanted_environment(query: QueryDict) -> Environment | None:
    """The environment that the switch in the header narrows pages to; None for all."""
    wanted = query.get("environment", "")
    return Environment(wanted) if wanted in Environment else None


def token_endpoint(base_url: str) -> str:
    return f"{base_url}/restapi/oauth/token"


@cache
def urls_of(environment: Environment) -> EnvironmentUrls:
    base_url = getattr(settings, f"{environment.name}_BASE_URL")
    previous = getattr(settings, f"{environment.name}_PREVIOUS_BASE_URLS")
    return EnvironmentUrls(base_url, tuple(previous))
