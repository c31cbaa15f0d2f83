"""The short path to the two APIs, without the sessions and CSRF checks that only pages need.

This is the first of `MIDDLEWARE`. It answers requests below an environment's base URL with a
request ID, a log line and the security headers, so they never reach the other middlewares. Unusual
requests, such as one for a host that isn't allowed, are passed to them and get the answer that a
page would get.
"""

import logging
import time
import uuid
from functools import lru_cache
from io import BytesIO

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import ResolverMatch, get_resolver, set_urlconf
from django.utils.module_loading import import_string

from accounts.environments import Environment
from console.environment_urls import (
    HostUrls,
    environment_hosts,
    environment_paths,
    host_of,
    host_of_its_own,
)
from console.middleware import GetResponse
from core.origin import client_ip
from credentials.oauth.errors import InvalidRequest
from credentials.oauth.rest_errors import error_response

# These only add headers, and the same ones to every response.
HEADERS_FROM = (
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
HSTS = "strict-transport-security"
BELOW = ("restapi", ".well-known")
NEEDS_HTTPS = (
    "The request came over http. Use https, and replace every secret and token that you sent, "
    "because others may have read them."
)
# There are few paths without IDs, and many with them. None of ours is longer than this, so longer
# paths from attackers use no memory.
KEPT_MATCHES = 1_000
KEPT_LENGTH = 200

# The same name as the log of page requests. Lines below its level are not even assembled.
log = structlog.get_logger("django_structlog.middlewares.request")
_level_of_log = logging.getLogger("django_structlog.middlewares.request")


class ApiMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._hosts = environment_hosts()
        self._own_paths = HostUrls()
        self._own_paths.urlpatterns = [*environment_paths()]
        # How the paths of each environment begin, with its host if that isn't the console's.
        self._beginnings = [
            (host_of_its_own(environment), f"/{environment.urls.path_prefix}{part}")
            for environment in Environment
            for part in BELOW
        ]
        self._paths = tuple(beginning for _host, beginning in self._beginnings)
        headers = _security_headers()
        # RFC 6797 §7.2: not without TLS.
        plain = {name: header for name, header in headers.items() if name != HSTS}
        self._headers = {True: headers, False: plain}
        self._match = lru_cache(maxsize=KEPT_MATCHES)(_match)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request) or self.get_response(request)

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """None if the request is for the other middlewares."""
        if not request.path_info.startswith(self._paths):
            return None
        host = self._host(request)
        if host is None or not self._is_ours(host, request.path_info):
            return None
        return self._logged(request, self._hosts.get(host))

    def _host(self, request: HttpRequest) -> str | None:
        """None if the other middlewares have to refuse the request."""
        try:
            return host_of(request)
        except DisallowedHost:
            return None

    def _is_ours(self, host: str, path: str) -> bool:
        own = None if host not in self._hosts else host
        return any(
            path.startswith(beginning) for where, beginning in self._beginnings if where == own
        )

    def _logged(self, request: HttpRequest, urlconf: HostUrls | None) -> HttpResponse:
        begun, request_id = time.perf_counter(), str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]
        known = structlog.contextvars.bind_contextvars(request_id=request_id, ip=client_ip(request))
        try:
            response = self._answered(request, urlconf)
            self._complete(request, response)
            level = logging.ERROR if response.status_code >= 500 else logging.INFO
            # An error has a line of its own, `request_failed`.
            has_failed = hasattr(request, "_raised_exception")
            if not has_failed and _level_of_log.isEnabledFor(level):
                what = f"{request.method} {request.path}"
                milliseconds = round((time.perf_counter() - begun) * 1000)
                code = response.status_code
                log.log(
                    level, "request_finished", code=code, request=what, milliseconds=milliseconds
                )
        finally:
            structlog.contextvars.reset_contextvars(**known)
            # An authentic client is bound later.
            structlog.contextvars.unbind_contextvars("client_id")
        return response

    def _answered(self, request: HttpRequest, urlconf: HostUrls | None) -> HttpResponse:
        set_urlconf(urlconf)  # type: ignore[arg-type]
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return _needs_https(request)
        if urlconf is not None:
            request.urlconf = urlconf  # type: ignore[assignment]
        try:
            find = self._match if len(request.path_info) <= KEPT_LENGTH else _match
            match = find(urlconf or self._own_paths, request.path_info)
            request.resolver_match = match
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        except Exception as error:
            # Django does the same around each middleware: 404, 400, or 500 and a log line.
            return response_for_exception(request, error)
        return response

    def _complete(self, request: HttpRequest, response: HttpResponse) -> None:
        own = response.headers._store
        # Set one by one, Django would check each name and value again at every request.
        response.headers._store = {**self._headers[request.is_secure()], **own}
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        if not response.streaming:
            response["Content-Length"] = str(len(response.content))


def _needs_https(request: HttpRequest) -> HttpResponse:
    """No redirect: a client that follows one doesn't notice what it sends in the clear."""
    if "/restapi/oauth/" in request.path_info:
        error = InvalidRequest(NEEDS_HTTPS)
        return JsonResponse(error.body, status=error.status)
    return error_response(400, "CMN-101", NEEDS_HTTPS)


def _match(urlconf: HostUrls, path: str) -> ResolverMatch:
    return get_resolver(urlconf).resolve(path)  # type: ignore[arg-type]


def _security_headers() -> dict[str, tuple[str, str]]:
    def empty(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Type": ""})

    answer: GetResponse = empty
    for name in HEADERS_FROM:
        answer = import_string(name)(answer)
    request = WSGIRequest(
        {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "wsgi.input": BytesIO()}
    )
    headers = {**dict(answer(request).items()), "Cache-Control": "no-store"}
    del headers["Content-Type"]
    return {name.lower(): (name, value) for name, value in headers.items()}
