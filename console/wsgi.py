"""The WSGI callable that granian serves."""

import gc
import logging
import os
import uuid
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.utils.module_loading import import_string

from console.env import LOCAL_HOSTS
from core.requests import Utf8Request

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")


logger = logging.getLogger(__name__)


class Handler(WSGIHandler):
    """Django's handler, with a shorter path to the two APIs that skips the request signals.

    Django uses these signals to check and close connections, which this handler does itself.
    """

    request_class = Utf8Request

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        # Imported by name, because it imports models, which aren't loaded before `setup`.
        self._apis = import_string("console.apis.ApiMiddleware")(self.get_response)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if "HTTP_TRANSFER_ENCODING" in environ:
            _measure(environ)
        try:
            answer = self._answer(environ, start_response)
        except Exception:
            answer = _failed(start_response)
        if environ.get("CONTENT_LENGTH"):
            _read_to_its_end(environ)
        return answer

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ.get("SCRIPT_NAME"):
            return super().__call__(environ, start_response)
        # Replaces a connection that died in the meantime, or is too old.
        database = connections[DEFAULT_DB_ALIAS]
        database.close_if_unusable_or_obsolete()
        path = environ.get("PATH_INFO", "")
        request = self.request_class(environ)
        response = self._apis.answer(request)
        if response is None:
            # The request replaced it by its decoded form, which Django would decode again.
            environ["PATH_INFO"] = path
            return super().__call__(environ, start_response)
        if response.status_code >= 500 or database.errors_occurred:
            close_old_connections()
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        # From a list, the server sends the body in one piece, even if the response streams.
        return [*response]


def _failed(start_response: StartResponse) -> list[bytes]:
    # Errors in views and middlewares were answered already, so this one is in the layers below.
    request_id = str(uuid.uuid4())
    logger.exception("Internal error; request %s", request_id)
    headers = [("Content-Type", "text/plain"), ("X-Request-Id", request_id)]
    start_response("500 Internal Server Error", headers)
    return [f"Internal error; request {request_id}.\n".encode()]


def _measure(environ: WSGIEnvironment) -> None:
    # A body in chunks (RFC 9112 §7.1) has no length, without which Django reads nothing. One byte
    # more than allowed is enough for Django to refuse the request.
    body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))


def _read_to_its_end(environ: WSGIEnvironment) -> None:
    # If an answer doesn't need the body, for example while the database is away, the connection
    # would be reset (RFC 9112 §9.6), and a client that still sends would not read the answer.
    if int(environ["CONTENT_LENGTH"]) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        environ["wsgi.input"].read()


def for_this_machine(application: WSGIApplication) -> WSGIApplication:
    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR") in LOCAL_HOSTS:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"DEMO=1 uses public passwords, so only this machine can send requests.\n"]

    return wrapped


django.setup(set_prefix=False)
application: WSGIApplication = Handler()
if settings.DEMO:
    application = for_this_machine(application)
if settings.METRICS_PORT:
    # Imported here, because the library decides at import how processes count together.
    from console.metrics import with_metrics

    application = with_metrics(application)
# The objects that exist now are never garbage, so the collector can skip them. Requests leave few
# cycles, so a collection after every few hundred objects would cost more than it frees.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)
