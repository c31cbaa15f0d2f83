import hashlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from allauth.usersessions.middleware import UserSessionsMiddleware
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_structlog.middlewares import RequestMiddleware

from accounts.models import User
from accounts.sign_in.interruptions import SESSION_ENDED, interrupt, keep_telling
from console.environment_urls import environment_hosts, host_of
from core.one_time_links import path_without_secret
from core.origin import client_ip

SESSION_OVER = "Your session has ended, so nothing changed. To sign in again, reload this page."
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestLogMiddleware(RequestMiddleware):
    """One log line per request. We create its ID, and send it with the response."""

    def prepare(self, request: HttpRequest) -> None:
        super().prepare(request)
        request.request_id = structlog.contextvars.get_contextvars()["request_id"]  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(ip=client_ip(request))
        request.begun = time.perf_counter()  # type: ignore[attr-defined]

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        taken = time.perf_counter() - request.begun  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(milliseconds=round(taken * 1000))
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and path, without the query string and without secrets in the path."""
        return f"{request.method} {path_without_secret(request.path)}"


class Middleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response


class EnvironmentHostMiddleware(Middleware):
    """Serves an environment at the root of a host if its base URL has a host of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        self.urlconfs = environment_hosts()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.urlconfs:
            urlconf = self.urlconfs.get(host_of(request))
            if urlconf is not None:
                request.urlconf = urlconf  # type: ignore[assignment]
        return self.get_response(request)


class PageHeadersMiddleware(Middleware):
    """Headers of pages that Django has no setting for. The APIs don't need them."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response["Permissions-Policy"] = settings.PERMISSIONS_POLICY
            response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class SignInMethodsMiddleware(Middleware):
    """Refuses methods that no page of django-allauth has. Some of its views answer any."""

    METHODS = ("GET", "HEAD", "OPTIONS", "POST")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *arguments: object
    ) -> HttpResponse | None:
        match = request.resolver_match
        # Addresses of ours have a namespace, and refuse methods themselves.
        is_of_allauth = match is not None and not match.namespace
        if is_of_allauth and request.path.startswith("/account/"):
            return None if request.method in self.METHODS else HttpResponseNotAllowed(self.METHODS)
        return None


class NoStoreMiddleware(Middleware):
    """Keeps pages out of every cache, including that of the browser's back button."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control") and not request.path.startswith("/static/"):
            response["Cache-Control"] = "no-store"
        return response


class SignInMiddleware(LoginRequiredMiddleware):
    """Sends people to the sign-in page. What they sent without a session isn't carried out."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase], *arguments: Any
    ) -> HttpResponseBase | None:
        refused = super().process_view(request, view_func, *arguments)
        if refused is not None and "HX-Request" in request.headers:
            # htmx would follow the redirect and look for a part of the page in the sign-in page.
            return HttpResponse(SESSION_OVER, content_type="text/plain; charset=utf-8", status=403)
        return refused

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        if request.method != "POST" or "HX-Request" in request.headers:
            return super().handle_no_permission(request, view_func)
        person = getattr(request, "person_of_ended_session", None)
        page = interrupt(request, person, because=SESSION_ENDED)
        return redirect_to_login(page, self.get_login_url(view_func))


class InterruptionMiddleware(Middleware):
    """Repeats on the page that people return to what the sign-in page said about it."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        keep_telling(request)
        return response


class LastActiveMiddleware(Middleware):
    """Notes when a person last used a page of the console. API calls don't count."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/console") and isinstance(request.user, User):
            User.objects.note_activity(request.user)
        return response


class SessionActivityMiddleware(UserSessionsMiddleware):  # type: ignore[misc]
    """Notes which sessions are used, for the list of a person's sessions, and ends old ones.

    allauth would write a row at each request, so that every page waited for the disk. We note the
    same browser at the same address again after five minutes, and anything else at once. At the
    same moments we check whether the session has ended.
    """

    NOTED_EVERY = timedelta(minutes=5)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        noted = self._is_due(request)
        if noted and self._is_over(request):
            request.person_of_ended_session = request.user  # type: ignore[attr-defined]
            logout(request)
            if request.method == "GET":
                messages.info(request, "Your session has ended. Sign in again to continue.")
            noted = False
        response: HttpResponse = super().__call__(request) if noted else self.get_response(request)
        return response

    @staticmethod
    def _is_over(request: HttpRequest, at: datetime | None = None) -> bool:
        at = at or timezone.now()
        session = UserSession.objects.filter(session_key=request.session.session_key).first()
        return session is not None and (
            session.created_at <= at - settings.SESSION_LIFETIME
            or session.last_seen_at <= at - settings.SESSION_IDLE
        )

    def _is_due(self, request: HttpRequest) -> bool:
        session_key = request.session.session_key
        # Invented session keys must not take up room in the cache.
        if not session_key or not request.user.is_authenticated:
            return False
        remembered = f"session-seen:{_digest(session_key)}"
        seen = _digest(f"{client_ip(request)} {request.headers.get('User-Agent', '')}")
        if cache.get(remembered) == seen:
            return False
        cache.set(remembered, seen, self.NOTED_EVERY.total_seconds())
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
