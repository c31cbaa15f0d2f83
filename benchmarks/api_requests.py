"""The requests of `benchmarks.apis`, and the checks of their answers."""

import itertools
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks import load
from benchmarks.harness import Check, WrongAnswer
from benchmarks.load import Response
from benchmarks.seed import SANDBOX, Seeded
from credentials import jose
from tests.api import GRANT_TYPE, App

BASE = urlsplit(SANDBOX.urls.base_url)


@dataclass(frozen=True)
class Requests:
    """The requests to our server and to the floor, the same ones again and again."""

    seeded: Seeded

    def exchanges(self, jwts: Iterable[str], app: App | None = None) -> Iterator[bytes]:
        app = app or self.seeded.app
        return itertools.cycle(
            [self._token(app, {"grant_type": GRANT_TYPE, "assertion": jwt}) for jwt in jwts]
        )

    def refreshes(self, tokens: "deque[str]") -> Iterator[bytes]:
        while tokens:
            yield self._token(
                self.seeded.refreshing,
                {"grant_type": "refresh_token", "refresh_token": tokens.popleft()},
            )

    def introspections(self, tokens: Iterable[str]) -> Iterator[bytes]:
        return itertools.cycle(
            [self._form("introspect", self.seeded.app, {"token": token}) for token in tokens]
        )

    def gets(self, path: str, tokens: Iterable[str]) -> Iterator[bytes]:
        return itertools.cycle(
            [
                load.request(
                    "GET", f"{BASE.path}{path}", host=BASE.netloc,
                    headers={"Authorization": f"Bearer {token}"},
                )
                for token in tokens
            ]
        )  # fmt: skip

    def _token(self, app: App, parameters: dict[str, str]) -> bytes:
        return self._form("token", app, parameters)

    def _form(self, endpoint: str, app: App, parameters: dict[str, str]) -> bytes:
        return load.request(
            "POST",
            f"{BASE.path}/restapi/oauth/{endpoint}",
            host=BASE.netloc,
            body=urlencode(parameters).encode(),
            headers={"Authorization": app.authorization},
        )


def json_of(response: Response, status: int = 200) -> Any:
    if response.status != status:
        raise WrongAnswer(f"{response.status}: {response.body[:300]!r}")
    return json.loads(response.body)


def access_token_check(jwk: jose.Jwk, tokens: "deque[str] | None" = None) -> Check:
    """Checks that each access token is new and signed; refresh tokens go into `tokens`."""
    seen: set[str] = set()

    def check(response: Response) -> None:
        body = json_of(response)
        claims = jose.verify(body["access_token"], jwk=jwk, token_type=jose.ACCESS_TOKEN_TYPE)
        if claims["jti"] in seen or body["token_type"].lower() != "bearer":
            raise WrongAnswer(f"The same token again, or of another type: {body}")
        seen.add(claims["jti"])
        if tokens is not None:
            tokens.append(body["refresh_token"])

    return check


def opaque_token_check() -> Check:
    seen: set[str] = set()

    def check(response: Response) -> None:
        token = json_of(response)["access_token"]
        if token in seen:
            raise WrongAnswer("The same token again")
        seen.add(token)

    return check


def same_json_check(expected: dict[str, Any]) -> Check:
    def check(response: Response) -> None:
        if (body := json_of(response)) != expected:
            raise WrongAnswer(f"{body} instead of {expected}")

    return check


def verify_check(response: Response) -> None:
    if response.status != 204 or b"x-scope: ReadAccounts" not in response.headers:
        raise WrongAnswer(f"{response.headers!r}")


def introspection_check(response: Response) -> None:
    if not json_of(response)["active"]:
        raise WrongAnswer("An active token is reported as inactive.")
