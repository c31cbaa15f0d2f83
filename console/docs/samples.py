"""Samples with the reader's own base URL and client ID.

Pages are rendered once. Where a sample depends on the reader, it has a character that no page uses.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.html import escape

from accounts.access import membership_of
from accounts.environments import Environment
from accounts.models import User
from credentials.models import Application, Client

BASE_URL, CLIENT_ID, ORIGIN, HOST = "\ue000", "\ue001", "\ue002", "\ue003"
BASE_URLS = {Environment.SANDBOX: "\ue004", Environment.PRODUCTION: "\ue005"}
CLIENTS_OFFERED = 50
# In this order, because the first contains the others.
_SAMPLES = (
    (
        re.compile(r"http://localhost:8000/sandbox|\$(?:[A-Z]+_SERVER|BASE)_URL\b|\$\{BASE_URL\}"),
        BASE_URL,
    ),
    (re.compile(r"(?<=CLIENT_ID=)…|\$(?:[A-Z]+_APP_)?CLIENT_ID\b|\$\{CLIENT_ID\}"), CLIENT_ID),
    (re.compile(r"http://localhost:8000"), ORIGIN),
    (re.compile(r"localhost:8000"), HOST),
    (re.compile(r"https://developers\.example\.com/sandbox"), BASE_URLS[Environment.SANDBOX]),
    (re.compile(r"https://developers\.example\.com/production"), BASE_URLS[Environment.PRODUCTION]),
)


def with_placeholders(code: str) -> str:
    for pattern, placeholder in _SAMPLES:
        code = pattern.sub(placeholder, code)
    return code


@dataclass(frozen=True)
class Reader:
    """Whose values the samples of a page show."""

    environment: Environment = Environment.SANDBOX
    clients: tuple[Client, ...] = ()
    """The clients to choose from, none for readers who see no apps."""
    client: Client | None = None

    def fill_in(self, html: str) -> str:
        values = {
            BASE_URL: self.environment.urls.base_url,
            CLIENT_ID: self.client.client_id if self.client else "YOUR_CLIENT_ID",
            ORIGIN: settings.ORIGIN,
            HOST: urlsplit(settings.ORIGIN).netloc,
            **{BASE_URLS[each]: each.urls.base_url for each in Environment},
        }
        for placeholder, value in values.items():
            html = html.replace(placeholder, escape(value))
        return html


def is_personal(html: str) -> bool:
    """Whether it matters which environment and which app the reader chooses."""
    return BASE_URL in html or CLIENT_ID in html


def reader_of(user: User | AnonymousUser, *, environment: str, client_id: str) -> Reader:
    chosen = Environment(environment) if environment in Environment else Environment.SANDBOX
    clients = _clients(user, chosen)
    named = (client for client in clients if client.client_id == client_id)
    return Reader(chosen, clients, next(named, clients[0] if clients else None))


def _clients(user: User | AnonymousUser, environment: Environment) -> tuple[Client, ...]:
    viewer = membership_of(user)
    if viewer is None or not viewer.has_console_access:
        return ()
    apps = Application.objects.visible_to(viewer).in_service()
    clients = Client.objects.filter(application__in=apps, environment=environment)
    return tuple(clients.select_related("application").order_by("-issued_at")[:CLIENTS_OFFERED])
