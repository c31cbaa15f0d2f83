"""How an answer is counted. tests/scale/test_metrics.py has a server with several processes."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client
from prometheus_client import CollectorRegistry

from console.metrics import Recorder, Sampler, code_of, endpoint_of, measured, result_of
from tests.house.sources import ROOT


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/sandbox/restapi/oauth/token", "token"),
        ("/restapi/oauth/revoke-leaked", "revoke-leaked"),
        ("/sandbox/restapi/oauth/whatever/they/ask", "auth"),
        ("/sandbox/restapi/v1.0/account/~", "rest"),
        ("/static/css/tokens.css", "static"),
        ("/healthz/ready", "health"),
        ("/csp-reports", "csp-reports"),
        ("/console/apps", "page"),
        ("/wp-login.php", "page"),
        ("", "page"),
    ],
)
def test_endpoints_are_few(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"errors":[{"errorCode":"JWT-104","message":"x"}]}', "JWT-104"),
        (b'{"errors":[{"errorCode":"a person"}]}', ""),
        (b'{"errors":[]}', ""),
        (b'{"errors":{}}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_error_codes_are_read_from_the_response(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_a_status_is_granted_refused_or_error() -> None:
    assert list(map(result_of, (200, 400, 429, 503))) == ["granted", "refused", "refused", "error"]


def answering(status: str, body: bytes) -> Callable[..., Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(status, [])
        return [body]

    return application


def counted(status: str, body: bytes, **environ: str) -> dict[tuple[str, str], float]:
    registry = CollectorRegistry()
    layer = measured(answering(status, body), Recorder(registry))
    assert layer(environ, lambda *_: print) == [body]
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_the_layer_counts_and_returns_the_answer() -> None:
    refusal = b'{"errors":[{"errorCode":"JWT-102"}]}'
    host = {"HTTP_HOST": "localhost:8000"}
    path = "/sandbox/restapi/oauth/token"
    assert counted("400 Bad Request", refusal, PATH_INFO=path, **host) == {
        ("console_requests_total", "token,400"): 1,
        ("console_token_requests_total", "sandbox,none,refused"): 1,
        ("console_refusals_total", "sandbox,auth,JWT-102"): 1,
    }
    page = {"PATH_INFO": "/console/", **host}
    assert counted("200 OK", b"<html>", **page) == {("console_requests_total", "page,200"): 1}


def test_an_unknown_host_belongs_to_no_environment() -> None:
    path = "/sandbox/restapi/v1.0/account/~"
    found = counted("401 Unauthorized", b"{}", PATH_INFO=path, HTTP_HOST="elsewhere.example")
    assert found == {("console_requests_total", "rest,401"): 1}


def test_every_figure_is_documented() -> None:
    registry = CollectorRegistry()
    Recorder(registry)
    Sampler(registry)
    documented = set(
        re.findall(
            r"^\| `(console_\w+)` \|", (ROOT / "docs/how-to/monitor.md").read_text(), re.MULTILINE
        )
    )
    assert documented == {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
    }


def test_without_a_port_there_are_no_figures(client: Client, db: None) -> None:
    assert client.get("/metrics").status_code == 404
