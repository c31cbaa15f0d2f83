"""Apps and a developer in a browser that call a running console."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from tests import api
from tests.credentials.pages import JWT, submission
from tests.credentials.running_console import CSRF

TIMEOUT = 20  # seconds
# The address of the caller, as a proxy reports it.
CLIENT = "203.0.113.7"
TOKEN = "/sandbox/restapi/oauth/token"
ACCOUNT = "/sandbox/restapi/v1.0/account/~"
OWN = "/console/my-credentials"


@dataclass(frozen=True)
class Answer:
    """Status 0 means that no answer came, so the outcome of the request is unknown."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Message = field(default_factory=Message, repr=False)
    problem: str = ""

    @property
    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body)
        return body

    @property
    def code(self) -> str:
        return str(self.json["errors"][0]["errorCode"])


class Caller:
    """One kept-alive connection, used by one thread.

    With a `host`, it acts as a proxy in front of a balancer and reports the caller's address. If
    the host begins with `https://`, it acts as a proxy for TLS.
    """

    def __init__(self, port: int, host: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self.is_https = host.startswith("https://")
        self._headers = {"Host": host.removeprefix("https://") or f"localhost:{port}"}
        if host:
            self._headers["X-Forwarded-For"] = CLIENT
        if self.is_https:
            self._headers |= {"X-Forwarded-Proto": "https", "Origin": host}

    def send(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        sent = self._headers | (headers or {})
        try:
            self._connection.request(method, path, body or None, sent)
            response = self._connection.getresponse()
            return Answer(response.status, response.read(), response.headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(0, problem=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._connection.close()


@contextmanager
def caller(port: int, host: str = "") -> Iterator[Caller]:
    made = Caller(port, host)
    try:
        yield made
    finally:
        with suppress(OSError):
            made.close()


@dataclass(frozen=True)
class AppCalls:
    """An app with its secret."""

    caller: Caller
    authorization: str = field(repr=False)

    def token(self, **parameters: str) -> Answer:
        headers = {"Authorization": self.authorization, "Content-Type": api.FORM}
        return self.caller.send("POST", TOKEN, urlencode(parameters), headers)

    def exchange(self, jwt: str) -> Answer:
        return self.token(grant_type=api.GRANT_TYPE, assertion=jwt)

    def refresh(self, refresh_token: str) -> Answer:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def account(self, access_token: str) -> Answer:
        return self.caller.send("GET", ACCOUNT, headers={"Authorization": f"Bearer {access_token}"})


@dataclass(frozen=True)
class DeveloperCalls:
    """A developer who is signed in and has just confirmed who they are."""

    caller: Caller
    session: str = field(repr=False)

    def get(self, path: str) -> Answer:
        return self.caller.send("GET", path, headers=self._cookies)

    def post(self, path: str, fields: dict[str, Any]) -> Answer:
        body = urlencode({**fields, "csrfmiddlewaretoken": CSRF}, doseq=True)
        return self.caller.send("POST", path, body, {**self._cookies, "Content-Type": api.FORM})

    def create(self, label: str) -> tuple[Answer, str]:
        """Return the answer, and the ID of the credential if it was created."""
        answer = self.post(f"{OWN}/create", submission(label=label))
        found = re.search(rf"{OWN}/([0-9a-f-]{{36}})/", answer.headers.get("Location", ""))
        return answer, found[1] if found else ""

    def jwt(self, credential_id: str) -> str:
        """Return the JWT from the created page, or an empty text if the page failed."""
        page = self.get(f"{OWN}/{credential_id}/created")
        found = JWT.search(page.body.decode())
        return found[0] if found else ""

    def revoke(self, credential_id: str) -> Answer:
        return self.post(f"{OWN}/{credential_id}/revoke", {"reason": "No longer needed"})

    @property
    def _cookies(self) -> dict[str, str]:
        if self.caller.is_https:
            return {"Cookie": f"__Host-session={self.session}; __Host-csrf={CSRF}"}
        return {"Cookie": f"session={self.session}; csrftoken={CSRF}"}
