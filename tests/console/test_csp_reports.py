"""Browsers report violations of the Content Security Policy, and anyone can forge a report."""

import json
from typing import Any

import pytest
import structlog
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from console.csp_reports import MAX_REPORT, violation_in
from credentials import throttle

REPORT = {
    "document-uri": "http://localhost:8000/console/apps?name=secret",
    "violated-directive": "script-src-elem",
    "effective-directive": "script-src-elem",
    "blocked-uri": "https://evil.example/steal.js?token=secret",
}


def body_of(**changed: Any) -> bytes:
    return json.dumps({"csp-report": {**REPORT, **changed}}).encode()


@pytest.mark.django_db
def test_a_report_of_a_browser_is_logged_without_secrets_and_limited(settings: Settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "Auth": (1, 60)}
    throttle.limiter.cache_clear()
    page = Client().get(reverse("account_login"))
    [address] = [
        part.split()[1]
        for part in page["Content-Security-Policy"].split(";")
        if part.split()[0] == "report-uri"
    ]
    browser = Client(enforce_csrf_checks=True)
    with structlog.testing.capture_logs() as logs:
        answers = [
            browser.post(address, body_of(), content_type="application/csp-report")
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [204, 429]
    assert "Retry-After" in answers[1]
    assert [line for line in logs if line["event"] == "csp_violation"] == [
        {
            "event": "csp_violation",
            "log_level": "warning",
            "directive": "script-src-elem",
            "blocked": "https://evil.example",
            "page": "/console/apps",
        }
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"blocked-uri": "inline"}, ("script-src-elem", "inline", "/console/apps")),
        ({"blocked-uri": "data:text/js,secret"}, ("script-src-elem", "data", "/console/apps")),
        ({"blocked-uri": "a\nb"}, ("script-src-elem", "unknown", "/console/apps")),
        (
            {"document-uri": "http://localhost:8000/invitations/inv_secret"},
            ("script-src-elem", "https://evil.example", "/invitations/..."),
        ),
        (
            {"document-uri": "http://localhost:8000/%0a{forged}"},
            ("script-src-elem", "https://evil.example", "unknown"),
        ),
        (
            {"effective-directive": None, "violated-directive": "img-src 'self'"},
            ("img-src", "https://evil.example", "/console/apps"),
        ),
    ],
)
def test_only_what_can_carry_no_secret_is_logged(
    changed: dict[str, Any], expected: tuple[str, ...]
) -> None:
    violation = violation_in(body_of(**changed))
    assert violation is not None
    assert tuple(violation.values()) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"csp-report": 1}',
        b"[" * 100_000,
        body_of(**{"document-uri": "https://elsewhere.example/console/apps"}),
        body_of(**{"document-uri": "http://[::1"}),
        body_of(**{"effective-directive": "script-src\nforged", "violated-directive": "\n"}),
        body_of(padding="x" * MAX_REPORT),
    ],
)
def test_anything_else_is_ignored(body: bytes) -> None:
    assert violation_in(body) is None
