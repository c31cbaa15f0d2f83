"""The OpenAPI document is true: whatever schemathesis derives from it is answered as it says."""

import functools
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from console.api.calls import CALLS
from tests import api, cast
from tests.conftest import Rebels

OPERATIONS = [("GET", ""), ("GET", "/status"), *((call.method, call.path) for call in CALLS)]


@functools.cache
def application() -> WSGIHandler:
    return WSGIHandler()


@functools.cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = api.program().get("/sandbox/restapi/openapi.json").json()
    return found


@pytest.fixture
def token(rebels: Rebels) -> str:
    """Of somebody who may do everything, so that what is refused is refused for its form."""
    app = api.app(rebels.leia, scopes=["Accounts"])
    return api.access_token(app, cast.credential(rebels.leia))


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part or "version")
def test_every_answer_is_as_described(token: str, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_dict(document())
    schema.app = application()
    operation = schema[f"/restapi/v1.0{path}"][method]

    @hypothesis_settings(max_examples=25, deadline=None)
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        # A body may have the right form and say nonsense: what is an e-mail address, or a text
        # without control characters, is more than a schema tells.
        unsaid = [positive_data_acceptance] if method == "PUT" else []
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=unsaid)

    check()
