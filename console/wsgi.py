"""The WSGI callable that granian serves."""

import gc
import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.utils.module_loading import import_string

from console.env import LOCAL_HOSTS

Application = Callable[..., Iterable[bytes]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")


class Handler(WSGIHandler):
    """Django's, with a shorter way to the two APIs: the first middleware answers them anyway.

    Left out are the signals around a request. They exist to look after connections, which is done
    here.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        # By name, as Django loads all of them: it knows models, which are not there before `setup`.
        self._apis = import_string("console.apis.ApiMiddleware")(self.get_response)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answers an iterable of bytes, as WSGI has it."""
        if "HTTP_TRANSFER_ENCODING" in environ:
            _measure(environ)
        answer = self._answer(environ, start_response)
        if environ.get("CONTENT_LENGTH"):
            _read_to_its_end(environ)
        return answer

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("SCRIPT_NAME"):
            return super().__call__(environ, start_response)
        # A connection that has died since, or is too old, is made anew.
        database = connections[DEFAULT_DB_ALIAS]
        database.close_if_unusable_or_obsolete()
        request = self.request_class(environ)
        response = self._apis.answer(request)
        if response is None:
            return super().__call__(environ, start_response)
        if response.status_code >= 500 or database.errors_occurred:
            close_old_connections()
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        # A list: the server sends it in one piece. An answer that streams is gathered into one.
        return [*response]


def _measure(environ: dict[str, Any]) -> None:
    """Give a body that came in chunks (RFC 9112 §7.1) its length: Django reads none without.

    One byte more than allowed is enough to be refused.
    """
    body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))


def _read_to_its_end(environ: dict[str, Any]) -> None:
    """A request that was answered without its body, as while the database is away.

    Else the connection would be reset (RFC 9112 §9.6), and whoever is still sending would not read
    the answer. What is longer than allowed is not worth it.
    """
    if int(environ["CONTENT_LENGTH"]) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        environ["wsgi.input"].read()


def for_this_machine(application: Application) -> Application:
    """The application, for callers on this machine, whatever address the server is bound to."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR") in LOCAL_HOSTS:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"DEMO=1 serves known passwords, and therefore this machine only.\n"]

    return wrapped


django.setup(set_prefix=False)
application: Application = Handler()
if settings.DEMO:
    application = for_this_machine(application)
if settings.METRICS_PORT:
    # Here, because the library decides when it is imported how processes count.
    from console.metrics import with_metrics

    application = with_metrics(application)
# What is there now stays: no collection of garbage needs to look at it again. And a request leaves
# hardly any cycles, so that looking each few hundred objects costs more than it frees.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)
