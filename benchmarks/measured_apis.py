"""The servers and requests that `benchmarks.apis` measures, and the tables of what it saw."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm

from benchmarks import load, report
from benchmarks.harness import WARM_UP, Check, Database, Databases, Servers, Subject, WrongAnswer
from benchmarks.installation import SERVER
from benchmarks.load import Response
from benchmarks.seed import SANDBOX, Seeded, seed
from benchmarks.servers import THREADS, Cores, Server
from console.api import representations as as_json
from credentials import jose
from tests.api import GRANT_TYPE, App

REPEATED = WARM_UP
"""Credentials that are presented again and again: each has been seen when a round begins."""
FEW, MANY = 1_000, 1_000_000
USAGE_ROWS = 10_000_000


@dataclass(frozen=True)
class Requests:
    """What is sent to our server, and to the floor."""

    seeded: Seeded

    def exchanges(self, jwts: Iterable[str], app: App | None = None) -> Iterator[bytes]:
        """Again and again in the same order."""
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


BASE = urlsplit(SANDBOX.urls.base_url)


def _json(response: Response, status: int = 200) -> Any:
    if response.status != status:
        raise WrongAnswer(f"{response.status}: {response.body[:300]!r}")
    return json.loads(response.body)


def access_token_check(jwk: jose.Jwk, tokens: "deque[str] | None" = None) -> Check:
    """A fresh access token, whose signature is right; refresh tokens go into `tokens`."""
    seen: set[str] = set()

    def check(response: Response) -> None:
        body = _json(response)
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
        token = _json(response)["access_token"]
        if token in seen:
            raise WrongAnswer("The same token again")
        seen.add(token)

    return check


def same_json_check(expected: dict[str, Any]) -> Check:
    def check(response: Response) -> None:
        if (body := _json(response)) != expected:
            raise WrongAnswer(f"{body} instead of {expected}")

    return check


def _verify_check(response: Response) -> None:
    if response.status != 204 or b"x-scope: ReadAccounts" not in response.headers:
        raise WrongAnswer(f"{response.headers!r}")


def _introspection_check(response: Response) -> None:
    if not _json(response)["active"]:
        raise WrongAnswer("An active token is said to be none.")


class Bench:
    """Our server, the floor and the peers, each with what is sent to it."""

    def __init__(self, servers: Servers, databases: Databases, credentials: int) -> None:
        self._servers = servers
        self._databases = databases
        self._seeded = databases.seeded
        self._requests = Requests(self._seeded)
        self._credentials = credentials
        self._main = databases.copy("main", credentials)
        self._jwts = databases.jwts(self._main, credentials)
        self._repeated = self._jwts[:REPEATED]
        self._ours = servers.ours("ours", self._main)
        self._refresh_tokens: deque[str] = deque()

    def exchanges(self) -> Iterator[Subject]:
        """What answers a token request; the floor comes first, others are compared with it."""
        check = access_token_check(self._seeded.access_token_key.public_jwk)
        repeated = self._requests.exchanges
        yield Subject("Floor", self._floor(), repeated(self._repeated), check)
        yield Subject("Exchange, seen before", self._ours, repeated(self._repeated), check)
        yield Subject("Exchange, first seen", self._ours, repeated(self._jwts), check)
        usual = self._servers.ours(
            "usual", self._main, LOG_LEVEL="INFO", RATE_LIMIT_AUTH="900000/60"
        )
        name = "Exchange, seen before; limits and request log on"
        yield Subject(name, usual, repeated(self._repeated), check)
        refreshing = access_token_check(
            self._seeded.access_token_key.public_jwk, self._refresh_tokens
        )
        app = self._seeded.refreshing
        yield Subject(
            "Exchange with refresh token", self._ours, repeated(self._repeated, app), refreshing
        )
        yield Subject(
            "Refresh", self._ours, self._requests.refreshes(self._refresh_tokens), refreshing
        )
        yield self._authlib()
        yield self._toolkit()

    def calls(self) -> Iterator[Subject]:
        """What authenticates an access token; the bare views come first."""
        account = self._seeded.template.extension.account
        expected = as_json.account(account)
        bare = self._servers.granian(
            "bare",
            ["--factory", "django.core.wsgi:get_wsgi_application"],
            DATABASE_URL=self._main,
            DJANGO_SETTINGS_MODULE="benchmarks.bare_settings",
            ACCOUNT_ID=str(account.pk),
        )
        same = same_json_check(expected)
        for name in ("constant", "cursor", "read"):
            get = load.request("GET", f"/{name}", host=BASE.netloc)
            yield Subject(f"Bare view, {name}", bare, itertools.repeat(get), same)
        tokens = self._access_tokens(self._ours, self._repeated)
        path = "/restapi/v1.0/account/~"
        yield Subject("GET account/~", self._ours, self._requests.gets(path, tokens), same)
        yield Subject(
            "verify",
            self._ours,
            self._requests.gets("/restapi/oauth/verify", tokens),
            _verify_check,
        )
        yield Subject(
            "introspect", self._ours, self._requests.introspections(tokens), _introspection_check
        )

    def growth(self) -> Iterator[Subject]:
        """The same with few and with many credentials, those asked for spread over all."""
        check = access_token_check(self._seeded.access_token_key.public_jwk)
        same = same_json_check(as_json.account(self._seeded.template.extension.account))
        for count, usage_rows in ((FEW, 0), (MANY, USAGE_ROWS)):
            url = self._databases.copy(f"of{count}", count, usage_rows)
            server = self._servers.ours(f"of-{count}", url)
            jwts = self._databases.jwts(url, REPEATED)
            yield Subject(f"Exchange of {count:,}", server, self._requests.exchanges(jwts), check)
            tokens = self._access_tokens(server, jwts)
            yield Subject(
                f"GET account/~ of {count:,}",
                server,
                self._requests.gets("/restapi/v1.0/account/~", tokens),
                same,
            )

    def _access_tokens(self, server: Server, jwts: Sequence[str]) -> list[str]:
        server.wait()
        done = load.run(server.port, self._requests.exchanges(jwts), count=len(jwts))
        return [_json(response)["access_token"] for response in done.responses]

    def _floor(self) -> Server:
        credential_key, access_key = (
            jose.unseal(key.sealed_private_key)
            for key in (self._seeded.credential_key, self._seeded.access_token_key)
        )
        settings = {
            "credential_public_key": credential_key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "access_token_private_key": access_key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ).decode(),
            "kid": self._seeded.access_token_key.kid,
            "audience": SANDBOX.urls.rest_api,
        }
        return self._servers.granian(
            "floor",
            ["benchmarks.floor:application"],
            DATABASE_URL=self._main,
            FLOOR=json.dumps(settings),
        )

    def _authlib(self) -> Subject:
        key = jose.generate_private_key()
        private = ECAlgorithm.to_jwk(key, as_dict=True)
        return self._peer(
            "authlib",
            f"Authlib {version('authlib')}, JWT bearer grant",
            "/token",
            access_token_check(jose.public_jwk(key)),
            DJANGO_SETTINGS_MODULE="benchmarks.peers.authlib_peer.settings",
            AUTHLIB_SIGNING_JWK=json.dumps(private),
        )

    def _toolkit(self) -> Subject:
        return self._peer(
            "toolkit",
            f"django-oauth-toolkit {version('django-oauth-toolkit')}, client_credentials",
            "/o/token/",
            opaque_token_check(),
            DJANGO_SETTINGS_MODULE="benchmarks.peers.toolkit.settings",
        )

    def _peer(
        self, package: str, name: str, path: str, check: Check, **environment: str
    ) -> Subject:
        environment["DATABASE_URL"] = self._databases.empty(package)
        module = environment["DJANGO_SETTINGS_MODULE"].replace(".settings", ".prepare")
        prepared = subprocess.run(
            [sys.executable, "-m", module, str(REPEATED)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if prepared.returncode:
            raise SystemExit(prepared.stderr)
        server = self._servers.granian(
            package, ["--factory", "django.core.wsgi:get_wsgi_application"], **environment
        )
        requests = [
            load.request("POST", path, host="localhost", body=body.encode(), headers=headers)
            for body, headers in json.loads(prepared.stdout)
        ]
        return Subject(name, server, itertools.cycle(requests), check)


def run(
    cores: Cores,
    *,
    credentials: int,
    rounds: int,
    seconds: float,
    growth: bool,
    only: Sequence[str],
    write: bool,
    started: float,
) -> None:
    databases = Databases(seed())
    with tempfile.TemporaryDirectory(prefix="console-bench-") as directory:
        servers = Servers(cores, Path(directory))
        try:
            bench = Bench(servers, databases, credentials)
            parts = [list(bench.exchanges()), list(bench.calls())]
            parts.append(list(bench.growth()) if growth else [])
            subjects = [subject for part in parts for subject in part]
            with closing(databases.server()) as database:
                _measure(subjects, rounds, seconds, only, database)
        finally:
            servers.stop()
    took = time.monotonic() - started
    text = _text(*parts, credentials=credentials, rounds=rounds, seconds=seconds, took=took)
    sys.stdout.write(f"{text}\n")
    if write:
        report.write("apis", text)


def _measure(
    subjects: Sequence[Subject],
    rounds: int,
    seconds: float,
    only: Sequence[str],
    database: Database,
) -> None:
    """In turns, so that a busy minute of the machine meets all of them."""
    for number in range(rounds):
        for subject in subjects:
            if subject.name.startswith(tuple(only)):
                subject.measure(seconds, database)
                sys.stderr.write(f"{number + 1}: {subject.name}: {subject.rounds[-1]}\n")


def _text(
    exchanges: Sequence[Subject],
    calls: Sequence[Subject],
    growth: Sequence[Subject],
    *,
    credentials: int,
    rounds: int,
    seconds: float,
    took: float,
) -> str:
    return "\n\n".join(
        [
            f"Measured with {credentials:,} credentials on {datetime.now(UTC):%Y-%m-%d} on "
            f"{report.machine()}, granian {version('granian')}, psycopg {version('psycopg')}. "
            f"PostgreSQL runs with {_settings_of_postgresql()}. Unless a row says otherwise, there "
            "are no rate limits and only errors are logged. Each server is one process with "
            f"{THREADS} threads on one core. PostgreSQL and the load client share the other core, "
            f"with {load.CONNECTIONS} connections. *CPU* is the CPU time of the server, *database* "
            "the CPU time of PostgreSQL for the same request, and *log* what it wrote to its "
            "write-ahead log. The servers take turns, and each row is the round with the least CPU "
            f"of {rounds} rounds of {seconds:g} s. The whole run took {took / 60:.0f} minutes.",
            "Token requests:",
            _table(exchanges, "floor"),
            "Bearer authentication:",
            _table(calls, "bare"),
            *(
                [
                    f"With few and with many credentials, and {USAGE_ROWS:,} days of usage:",
                    _table(growth[::2], "few"),
                    _table(growth[1::2], "few"),
                ]
                if growth
                else []
            ),
        ]
    )


def _settings_of_postgresql() -> str:
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    return ", ".join(f"{name} {SERVER[name]}" for name in names)


def _table(subjects: Sequence[Subject], ratio: str) -> str:
    measured = [subject for subject in subjects if subject.rounds]
    if not measured:
        return ""
    base = measured[0].best.cpu
    rows = [
        (
            subject.name,
            f"{subject.best.cpu:.0f}",
            f"{subject.best.cpu / base:.2f}",
            f"{subject.best.database_cpu:.0f}",
            f"{subject.best.log_bytes / 1000:.1f}",
            f"{subject.best.per_second:.0f}",
            f"{subject.best.p50:.1f}",
            f"{subject.best.p99:.1f}",
        )
        for subject in measured
    ]
    heads = (
        *("request", "CPU, µs", f"/ {ratio}", "database, µs", "log, kB"),
        *("per second", "p50, ms", "p99, ms"),
    )
    return report.table(heads, rows)
