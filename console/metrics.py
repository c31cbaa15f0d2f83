"""Counts and times for a monitoring system, without names: docs/how-to/monitor.md.

A WSGI layer around the application measures the answers that callers get. The processes of a
server count together, and one of them serves the result on a port of its own, so that it is
available even when all request threads are busy. No label names a person, an app, a credential or
an address.

django-prometheus would add 150 to 190 µs to each request where this layer adds 12 µs, and it
doesn't see the APIs, which are answered before Django's middleware.
"""

import hmac
import json
import os
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    make_wsgi_app,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from accounts.environments import Environment
from core.background import BackgroundWriter
from core.postgresql.base import ABSENCE, OPEN, is_busy
from credentials.oauth.grants import GRANT_IN_ENVIRON, GRANTS

# Seconds.
SAMPLED_EVERY = 2.0
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
AUTH_ENDPOINTS = frozenset(
    {"token", "revoke", "introspect", "verify", "report-refusal", "revoke-leaked", "jwks"}
)
_CODE = re.compile(r"[A-Z]{3}-[0-9]{3}")


class Recorder:
    """Counts and times answered requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: list[str]) -> Counter:
            return Counter(name, text, labels, registry=registry)

        # There are few labels, and each request needs some: caching them halves the cost.
        self._requests = cache(
            counter("console_requests", "Answered requests.", ["endpoint", "status"]).labels
        )
        self._seconds = cache(
            Histogram(
                "console_request_seconds",
                "Time to an answer.",
                ["endpoint"],
                registry=registry,
                buckets=BUCKETS,
            ).labels
        )
        self._token_requests = cache(
            counter(
                "console_token_requests",
                "Responses from the token endpoint: granted, refused, or error.",
                ["environment", "grant", "result"],
            ).labels
        )
        self._refusals = counter(
            "console_refusals",
            "Refusals by errorCode (docs/reference/errors.md); api is auth or rest.",
            ["environment", "api", "code"],
        )
        self._places = [
            (environment.urls.host, f"/{environment.urls.path_prefix}", environment.value)
            for environment in Environment
        ]

    def note(self, environ: WSGIEnvironment, status: int, body: bytes, seconds: float) -> None:
        path: str = environ.get("PATH_INFO", "")
        endpoint = endpoint_of(path)
        self._requests(endpoint, status).inc()
        self._seconds(endpoint).observe(seconds)
        if "/restapi/" not in path:
            return
        environment = self._environment(environ.get("HTTP_HOST", ""), path)
        if endpoint == "token":
            grant = GRANTS.get(environ.get(GRANT_IN_ENVIRON, ""))
            metric = grant.metric if grant else "none"
            self._token_requests(environment, metric, result_of(status)).inc()
        if status >= 400 and (code := code_of(body)):
            api = "rest" if endpoint == "rest" else "auth"
            self._refusals.labels(environment, api, code).inc()

    def _environment(self, host: str, path: str) -> str:
        for its_host, prefix, environment in self._places:
            if path.startswith(prefix) and host.lower() == its_host:
                return environment
        return "none"


def endpoint_of(path: str) -> str:
    # One of about a dozen names for all paths, so that callers can't create labels.
    _, auth, name = path.rpartition("/restapi/oauth/")
    if auth:
        return name if name in AUTH_ENDPOINTS else "auth"
    if "/restapi/" in path:
        return "rest"
    if path.startswith("/static/"):
        return "static"
    if path == "/csp-reports":
        return "csp-reports"
    return "health" if path.startswith("/healthz/") else "page"


def result_of(status: int) -> str:
    return "granted" if status < 300 else "refused" if status < 500 else "error"


def code_of(body: bytes) -> str:
    """The first `errorCode` in an error of either API; empty if there is none."""
    try:
        code = str(json.loads(body)["errors"][0]["errorCode"])
    except (ValueError, LookupError, TypeError):
        return ""
    return code if _CODE.fullmatch(code) else ""


def measured(application: WSGIApplication, recorder: Recorder) -> WSGIApplication:

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answered = 500

        def start(status: str, *arguments: Any) -> Any:
            nonlocal answered
            answered = int(status[:3])
            return start_response(status, *arguments)

        started = time.perf_counter()
        response = application(environ, start)
        seconds = time.perf_counter() - started
        recorder.note(environ, answered, _body(response) if answered >= 400 else b"", seconds)
        return response

    return wrapped


def _body(response: Iterable[bytes]) -> bytes:
    if isinstance(response, list):
        return b"".join(response)
    # Django's response, unless it streams.
    return getattr(response, "content", b"")


class Sampler:
    """Figures of the current state, which a thread of each process updates."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")

        self._processes = gauge("console_processes", "Processes that serve requests.")
        self._connections = gauge(
            "console_database_connections", "Open connections, busy or idle.", "state"
        )
        self._away = gauge(
            "console_database_away", "Processes that can't reach the database at the moment."
        )
        self._failures = Counter(
            "console_database_connection_failures",
            "Connections that could not be made.",
            registry=registry,
        )
        self._queued = gauge(
            "console_background_queue", "Rows that wait to be written in the background.", "writer"
        )
        self._dropped = Counter(
            "console_background_dropped",
            "Rows lost to a full queue or a failed write.",
            ["writer"],
            registry=registry,
        )
        self._seen: dict[str, int] = {}

    def sample(self) -> None:
        self._processes.set(1)
        self._away.set(ABSENCE.is_known)
        self._failures.inc(self._more("database", ABSENCE.failures))
        for writer in BackgroundWriter.all():
            self._queued.labels(writer.name).set(writer.waiting)
            self._dropped.labels(writer.name).inc(self._more(writer.name, writer.dropped))
        connections = list(OPEN)
        busy = sum(is_busy(connection) for connection in connections)
        self._connections.labels("busy").set(busy)
        self._connections.labels("idle").set(len(connections) - busy)

    def _more(self, name: str, total: int) -> int:
        grown = max(0, total - self._seen.get(name, 0))
        self._seen[name] = total
        return grown


class Figures(MultiProcessCollector):
    """The sums over all processes. Counts of ended processes stay, and their gauges go."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._directory = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        super().__init__(registry, self._directory)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        for file in Path(self._directory).glob("gauge_live*_*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
                mark_process_dead(pid, self._directory)  # type: ignore[no-untyped-call]
        figures: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return figures


def serve_figures() -> None:
    """Starts Prometheus' own server. Raises `OSError` if the port is taken."""
    registry = CollectorRegistry()
    server, _thread = start_http_server(settings.METRICS_PORT, settings.METRICS_HOST, registry)
    server.set_app(with_token(make_wsgi_app(registry)))
    # Only now, because the server already answers, and must not show figures without the token.
    Figures(registry)


def with_token(application: WSGIApplication) -> WSGIApplication:
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = str(environ.get("HTTP_AUTHORIZATION", "")).encode()
        if settings.METRICS_TOKEN and not hmac.compare_digest(given, expected):
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="metrics"')])
            return [b""]
        return application(environ, start_response)

    return answer


def sample_and_serve(sampler: Sampler) -> None:
    """Never returns. Serves the figures if this process is the first to get the port."""
    is_serving = False
    while True:
        sampler.sample()
        if not is_serving:
            # If another process has the port, one of the others takes over when it ends.
            with suppress(OSError):
                serve_figures()
                is_serving = True
        time.sleep(SAMPLED_EVERY)


def with_metrics(application: WSGIApplication) -> WSGIApplication:
    registry = CollectorRegistry()
    threading.Thread(
        target=sample_and_serve, args=[Sampler(registry)], name="metrics", daemon=True
    ).start()
    return measured(application, Recorder(registry))
