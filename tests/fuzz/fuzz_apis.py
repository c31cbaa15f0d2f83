"""Both APIs answer every request that schemathesis derives from their OpenAPI documents.

No request gets a 5xx or takes longer than the limit of `tests/fuzz/figures.py`, whether it is valid
or not, alone or after others.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import schemathesis
from django.db import transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import status_code_conformance

from console import wsgi
from credentials.actions.clients import mark_resource_server
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.conftest import Rebels
from tests.fuzz.auth_api import Genuine, document
from tests.fuzz.figures import noted

BASE_URL = "http://localhost:8000/sandbox"


class Timed:
    """The application, of which each request is timed."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.answered: Counter[str] = Counter()
        """How often which endpoint answered with which status."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        application: WSGIApplication = wsgi.application

        def counted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            endpoint = environ["PATH_INFO"].rpartition("/")[2][:30]
            self.answered[f"{environ['REQUEST_METHOD']} {endpoint} {status[:3]}"] += 1
            return start_response(status, headers, *rest)

        with noted(self.what):
            return list(application(environ, counted))

    def must_have_answered(self, *expected: str) -> None:
        """Otherwise, everything was refused at the door, which would prove little."""
        assert {*expected} <= self.answered.keys(), self.answered


@pytest.fixture(autouse=True)
def _unlimited(settings: Settings, db: None) -> None:
    settings.RATE_LIMITS = dict.fromkeys(LimitGroup, None)


@pytest.fixture
def genuine(rebels: Rebels) -> Genuine:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    other = api.app(rebels.luke, name="Other")
    server = api.app(rebels.leia, name="Gateway")
    mark_resource_server(server.client, marked=True, origin=cast.ORIGIN)
    mine, narrow = cast.credential(rebels.luke), cast.credential(rebels.luke, clients=[app.client])
    bodies = [api.exchange(app, jwt).json() for jwt in [mine.encode()] * 3]
    return Genuine(
        authorizations=[
            app.authorization,
            app.authorization,
            other.authorization,
            server.authorization,
            api.basic(app.client_id, "wrong"),
        ],
        jwts=[mine.encode(), narrow.encode()],
        tokens=[body[name] for body in bodies for name in ("access_token", "refresh_token")],
    )


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def schema_of(document: dict[str, Any]) -> Any:
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig())
    schema.config.update(base_url=BASE_URL)
    return schema


def check_each(
    schema: Any,
    application: Timed,
    prepare: Callable[[Any], None],
    headers: dict[str, str] | None = None,
) -> None:
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            prepare(case)
            with rolled_back():
                case.call_and_validate(
                    app=application,
                    base_url=BASE_URL,
                    headers=headers,
                    checks=[not_a_server_error, status_code_conformance],
                )

        check()


def fuzz_the_auth_api(genuine: Genuine) -> None:
    application = Timed("Auth API")
    check_each(schema_of(document()), application, genuine.put_into)
    application.must_have_answered(
        "POST token 200", "POST token 400", "POST token 401", "POST introspect 200",
        "POST revoke 200", "POST revoke-leaked 202", "GET verify 204", "GET verify 401",
        "POST report-refusal 400",
    )  # fmt: skip


def fuzz_the_auth_api_one_request_after_another(genuine: Genuine) -> None:
    """An exchange, and then any order of refreshes, revocations and questions about its tokens."""
    machine = schema_of(document()).as_state_machine()
    application = Timed("Auth API, one request after another")

    class Machine(machine):  # type: ignore[misc, valid-type]
        def setup(self) -> None:
            # Each run of steps begins with the same rows, so that it can be repeated.
            self.block = rolled_back()
            self.block.__enter__()

        def teardown(self) -> None:
            self.block.__exit__(None, None, None)

        def before_call(self, case: Any) -> None:
            genuine.put_into(case)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"app": application, "base_url": BASE_URL}

        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            case.validate_response(response, checks=[not_a_server_error])

    Machine.run(settings=hypothesis_settings(stateful_step_count=8))
    application.must_have_answered("POST token 200", "POST revoke 200", "GET verify 204")


def fuzz_the_rest_api(rebels: Rebels) -> None:
    app = api.app(rebels.leia, scopes=["Accounts"])
    token = api.access_token(app, cast.credential(rebels.leia))
    described = json.loads(api.program().get("/sandbox/restapi/openapi.json").content)
    application = Timed("REST API")
    bearer = {"Authorization": f"Bearer {token}"}
    check_each(schema_of(described), application, name_own_account, bearer)
    application.must_have_answered("GET ~ 200", "PUT ~ 400", "GET extension 200", "GET ~ 404")


def name_own_account(case: Any) -> None:
    # Almost any text is the ID of nothing.
    names = case.path_parameters or {}
    for name in names:
        if len(str(names[name])) > 1:
            names[name] = "~"
