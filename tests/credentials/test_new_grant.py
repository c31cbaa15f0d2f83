"""A new grant is one module and one line: everything else learns about it from its `Grant`."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from accounts.environments import Environment
from console.metrics import Recorder
from credentials.oauth import errors
from credentials.oauth.client_auth import authenticate_client, known_client
from credentials.oauth.grants import GRANT_IN_ENVIRON, GRANTS
from credentials.oauth.grants.grant import Grant
from credentials.oauth.lookup import look_up_exchange
from credentials.oauth.metadata import server_metadata
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.refused import CheckName
from tests import api
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import asked, failed, marks, recorded


def answer(
    environment: Environment, credentials: BasicCredentials | None, parameters: Parameters
) -> dict[str, Any]:
    assert credentials is not None
    lookup = look_up_exchange(credentials.client_id, "")
    client = authenticate_client(credentials, parameters, environment, lookup)
    if parameters.require("voucher") == "valid":
        return {"access_token": "toy"}
    with known_client(client):
        raise errors.credential_expired().about(check=CheckName.EXPIRY)


VOUCHER = Grant(
    grant_type="urn:example:voucher",
    required_parameters=("voucher",),
    answer=answer,
    kind="voucher",
    label="Exchange of a voucher",
    metric="voucher",
    checks=(CheckName.REQUEST, CheckName.CLIENT, CheckName.EXPIRY, CheckName.SCOPE),
    titles={CheckName.EXPIRY: "The voucher hasn’t expired"},
)


@pytest.fixture(autouse=True)
def new_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GRANTS, VOUCHER.grant_type, VOUCHER)


def redeem(app: api.App, voucher: str) -> Any:
    form = {"grant_type": VOUCHER.grant_type, "voucher": voucher}
    return api.post(form, app.authorization)


def test_the_token_endpoint_answers_a_new_grant(app: api.App) -> None:
    assert redeem(app, "valid").json() == {"access_token": "toy"}
    assert redeem(app, "").json()["errors"][0]["errorCode"] == "CMN-101"


def test_the_metadata_and_the_error_of_an_unsupported_grant_type_list_a_new_grant(
    app: api.App,
) -> None:
    assert VOUCHER.grant_type in server_metadata(api.SANDBOX)["grant_types_supported"]
    refused = api.post({"grant_type": "password"}, app.authorization)
    assert f"or {VOUCHER.grant_type}." in refused.json()["error_description"]


def test_why_explains_a_refusal_of_a_new_grant(
    rebels: Rebels, app: api.App, sign_in: SignIn
) -> None:
    response = redeem(app, "old")
    assert recorded(response).what == "voucher"
    page = asked(sign_in(rebels.luke), response)
    assert "Exchange of a voucher" in page.content.decode()
    assert failed(page) == "The voucher hasn’t expired"
    assert len(marks(page)) == len(VOUCHER.checks)


def test_the_metrics_count_a_new_grant() -> None:
    registry = CollectorRegistry()
    environ = {
        "PATH_INFO": f"/{api.SANDBOX}/restapi/oauth/token",
        "HTTP_HOST": api.SANDBOX.urls.host,
        GRANT_IN_ENVIRON: VOUCHER.grant_type,
    }
    Recorder(registry).note(environ, 200, b"", 0.01)
    labels = {"environment": "sandbox", "grant": "voucher", "result": "granted"}
    assert registry.get_sample_value("console_token_requests_total", labels) == 1
