"""Mounts the Auth API and the REST API of each environment at its base URL."""

from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.environments import Environment, EnvironmentUrls
from console.api import errors
from console.api.api import build_api
from console.security_txt import PATH, security_txt
from credentials.oauth.views import metadata

METADATA = ".well-known/oauth-authorization-server"


@cache
def _environment_patterns(
    environment: Environment, urls: EnvironmentUrls, has_rest_api: bool
) -> list[URLPattern | URLResolver]:
    # Cached, because it takes 50 ms to build the REST API.
    kwargs = {"environment": environment}
    rest_api = [path("restapi/", build_api(environment).urls)] if has_rest_api else []
    return [
        path(
            "restapi/oauth/",
            include("credentials.oauth.urls", namespace=f"oauth_{environment}"),
            kwargs,
        ),
        path(METADATA, metadata, kwargs, name=f"metadata_{environment}"),
        *rest_api,
        re_path(r"^restapi(?:/.*)?$", errors.unknown_uri, name=f"unknown_uri_{environment}"),
    ]


def _mounted(environment: Environment) -> URLResolver:
    patterns = _environment_patterns(environment, environment.urls, settings.PLATFORM.built_in_api)
    return path(environment.urls.path_prefix, include(patterns))


def host_of_its_own(environment: Environment) -> str | None:
    """None if the environment shares the host of the console."""
    host = environment.urls.host
    return None if host == urlsplit(settings.ORIGIN).netloc.lower() else host


def _at_host(environment: Environment) -> tuple[URLResolver | URLPattern, ...]:
    # RFC 8414 §3 inserts the well-known path between the host and the path of the issuer. Many
    # clients append it instead, so the metadata is at both.
    prefix = environment.urls.path_prefix.rstrip("/")
    if not prefix:
        return (_mounted(environment),)
    inserted = path(
        f"{METADATA}/{prefix}",
        metadata,
        {"environment": environment},
        name=f"metadata_inserted_{environment}",
    )
    return (_mounted(environment), inserted)


def host_of(request: HttpRequest) -> str:
    """The host of a request in the spelling of base URLs. Raises `DisallowedHost`."""
    # The default port of a scheme (RFC 9110 §4.2.3) and the dot after a full name are left out.
    # Otherwise `host:443` of an environment would count as another host, and serve the console.
    host = request.get_host().lower()
    return host.removesuffix(":443" if request.is_secure() else ":80").removesuffix(".")


def environment_paths() -> list[URLResolver | URLPattern]:
    """The environments below a path of the console's own host."""
    return [
        pattern
        for environment in Environment
        if host_of_its_own(environment) is None
        for pattern in _at_host(environment)
    ]


class HostUrls:
    """The URLconf of a host that serves only environments. Its errors are JSON."""

    handler400 = "console.errors.bad_request"
    handler404 = "console.errors.page_not_found"
    handler500 = "console.errors.server_error"

    def __init__(self) -> None:
        self.urlpatterns: list[URLPattern | URLResolver] = []


def environment_hosts() -> dict[str, HostUrls]:
    """URLconfs of the environments that have a host of their own, by that host."""
    hosts: dict[str, HostUrls] = {}
    for environment in Environment:
        if host := host_of_its_own(environment):
            urls = hosts.setdefault(host, HostUrls())
            urls.urlpatterns.extend(_at_host(environment))
    for urls in hosts.values():
        urls.urlpatterns.append(path(PATH, security_txt, name="security_txt"))
    return hosts
