"""The REST API answers every request that schemathesis derives from its OpenAPI document."""

import json
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from console.api.calls import CALLS
from tests import cast
from tests.browser.exchange import exchange
from tests.conftest import Rebels

OPERATIONS = [("GET", ""), ("GET", "/status"), *((call.method, call.path) for call in CALLS)]


@pytest.fixture(autouse=True)
def _transactional(transactional_db: None) -> None:
    """Commit for real, so that the threads of the server see the data of the test."""


@pytest.fixture
def token(console: str, rebels: Rebels) -> str:
    """The token of a person with every permission, so that only malformed requests are refused."""
    client, secret = cast.client(cast.application(rebels.leia, scopes=["Accounts"]))
    jwt = cast.credential(rebels.leia).encode()
    return str(exchange(f"{console}/sandbox", client.client_id, secret, jwt)["access_token"])


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part or "version")
def test_every_answer_matches_the_openapi_document(
    console: str, token: str, method: str, path: str
) -> None:
    with urlopen(f"{console}/sandbox/restapi/openapi.json", timeout=10) as response:
        schema = schemathesis.openapi.from_dict(json.load(response))
    operation = schema[f"/restapi/v1.0{path}"][method]
    # A well-formed body can have invalid values. The schema doesn't describe email addresses,
    # or texts without control characters.
    unsaid = [positive_data_acceptance] if method == "PUT" else []

    @hypothesis_settings(max_examples=15, deadline=None)
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(
            base_url=f"{console}/sandbox",
            headers={"Authorization": f"Bearer {token}"},
            excluded_checks=unsaid,
        )

    check()
