"""The servers that `benchmarks.apis` measures, each with the requests it gets."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm

from benchmarks import foreign_api, load, report
from benchmarks.api_report import text_of
from benchmarks.api_requests import (
    BASE,
    Requests,
    access_token_check,
    introspection_check,
    json_of,
    opaque_token_check,
    same_json_check,
    verify_check,
)
from benchmarks.harness import WARM_UP, Check, Database, Databases, Servers, Subject
from benchmarks.seed import SANDBOX, seed
from benchmarks.servers import Cores, Server
from console.api import representations as as_json
from credentials import jose

REPEATED = WARM_UP
"""Credentials that are presented repeatedly, so that every one has been seen before a round."""
FEW, MANY = 1_000, 1_000_000
USAGE_ROWS = 10_000_000


class Bench:
    """Our server, the floor and the peers, each with its requests."""

    def __init__(
        self, servers: Servers, databases: Databases, credentials: int, directory: Path
    ) -> None:
        self._servers = servers
        self._directory = directory
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
        """Token requests. The floor comes first, and the others are compared with it."""
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
        """Requests with an access token. The bare views come first."""
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
            verify_check,
        )
        behind_gateway = self._servers.ours(
            "gateway", self._main, PLATFORM_FILE=str(foreign_api.write_platform(self._directory))
        )
        yield Subject(
            f"verify?api=, {foreign_api.OPERATIONS:,} operations",
            behind_gateway,
            foreign_api.decisions(tokens),
            verify_check,
        )
        yield Subject(
            "introspect", self._ours, self._requests.introspections(tokens), introspection_check
        )

    def growth(self) -> Iterator[Subject]:
        """Exchanges and calls among few and among many credentials, spread over all of them."""
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
        return [json_of(response)["access_token"] for response in done.responses]

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
            bench = Bench(servers, databases, credentials, Path(directory))
            parts = [list(bench.exchanges()), list(bench.calls())]
            parts.append(list(bench.growth()) if growth else [])
            subjects = [subject for part in parts for subject in part]
            with closing(databases.server()) as database:
                _measure(subjects, rounds, seconds, only, database)
        finally:
            servers.stop()
    took = time.monotonic() - started
    text = text_of(
        *parts,
        credentials=credentials,
        rounds=rounds,
        seconds=seconds,
        took=took,
        usage_rows=USAGE_ROWS,
    )
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
    # In turns, so that a busy minute of the machine affects all of them.
    for number in range(rounds):
        for subject in subjects:
            if subject.name.startswith(tuple(only)):
                subject.measure(seconds, database)
                sys.stderr.write(f"{number + 1}: {subject.name}: {subject.rounds[-1]}\n")
