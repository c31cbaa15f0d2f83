"""The settings of a real installation, read in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tests.house.sources import ROOT
from tests.plugins.environment import ENVIRONMENT, UNSET
from tests.stages import production_environment

NEEDS_HTTPS = (
    "The request came over http. Use https, and replace every secret and token that you sent, "
    "because others may have read them."
)

NAMES = (
    "ALLOWED_HOSTS",
    "CONTENT_SECURITY_POLICY",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_COOKIE_NAME",
    "CSRF_COOKIE_SECURE",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASES",
    "DEBUG",
    "DEMO",
    "DEVICE_COOKIE_NAME",
    "MESSAGES_COOKIE_NAME",
    "MESSAGE_STORAGE",
    "MIDDLEWARE",
    "PASSWORD_HASHERS",
    "SECURE_CONTENT_TYPE_NOSNIFF",
    "SECURE_HSTS_SECONDS",
    "SECURE_SSL_REDIRECT",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_SECURE",
    "STORAGES",
    "THEME_COOKIE_NAME",
)
PROGRAM = f"""
import json
from django.conf import settings
print(json.dumps({{name: getattr(settings, name) for name in {NAMES!r}}}))
"""
# Loads the server as each of its workers does, and requests an API call and a page, each with TLS
# and without.
SERVED = """
import json
from django.test import RequestFactory
from console.wsgi import application
answers = []
def start(status, headers):
    answers.append([status, dict(headers), ""])
for host, path in (
    ("platform.sandbox", "/restapi/v1.0"),
    ("platform.sandbox", "/restapi/oauth/jwks"),
    ("developers", "/console"),
):
    asked = RequestFactory(HTTP_HOST=f"{host}.example.com")
    for scheme in ("https", "http"):
        request = asked.get(path, HTTP_X_FORWARDED_PROTO=scheme)
        answers[-1][2] = b"".join(application(request.environ, start)).decode()
print(json.dumps(answers))
"""


def start(
    environment: Mapping[str, str], program: str = PROGRAM
) -> subprocess.CompletedProcess[str]:
    ours = {*ENVIRONMENT, *UNSET, "DATABASE_URL"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**inherited, "DJANGO_SETTINGS_MODULE": "console.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def production() -> dict[str, Any]:
    started = start(production_environment())
    assert started.returncode == 0, started.stderr
    settings: dict[str, Any] = json.loads(started.stdout)
    return settings


def test_demo_and_debug_mode_are_off() -> None:
    assert not production()["DEBUG"]
    assert not production()["DEMO"]
    assert "MD5" not in production()["PASSWORD_HASHERS"][0]


def test_production_is_served_with_tls_only() -> None:
    served = start(production_environment(), SERVED)
    assert served.returncode == 0, served.stderr
    answers = json.loads(served.stdout.splitlines()[-1])
    call, plain_call, _, plain_token, page, plain_page = answers
    assert (call[0], page[0]) == ("200 OK", "302 Found")
    for _, headers, _ in (call, page):
        assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert page[1]["Location"] == "/account/login/?next=/console"
    assert plain_page[0] == "301 Moved Permanently"
    assert plain_page[1]["Location"] == "https://developers.example.com/console"
    # A client that is redirected would not notice that it sends its secrets in the clear.
    for (status, headers, body), members in (
        (plain_call, {"errorCode": "CMN-101", "message": NEEDS_HTTPS}),
        (plain_token, {"error": "invalid_request", "error_description": NEEDS_HTTPS}),
    ):
        assert (status, headers.get("Location")) == ("400 Bad Request", None)
        answer = json.loads(body)
        assert {name: answer[name] for name in members} == members
        assert answer["errors"] == [{"errorCode": "CMN-101", "message": NEEDS_HTTPS}]


def test_only_the_configured_hosts_are_served() -> None:
    assert production()["ALLOWED_HOSTS"] == [
        "developers.example.com",
        "platform.example.com",
        "platform.sandbox.example.com",
    ]
    assert production()["CSRF_TRUSTED_ORIGINS"] == ["https://developers.example.com"]


def test_transport_and_cookies_are_strict() -> None:
    settings = production()
    assert settings["SECURE_SSL_REDIRECT"]
    assert settings["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert settings["SECURE_CONTENT_TYPE_NOSNIFF"]
    for cookie in ("SESSION", "CSRF"):
        assert settings[f"{cookie}_COOKIE_SECURE"]
        assert settings[f"{cookie}_COOKIE_HTTPONLY"]
    # Apart from these cookies, the console sets none.
    for cookie in ("SESSION", "CSRF", "DEVICE", "MESSAGES", "THEME"):
        assert settings[f"{cookie}_COOKIE_NAME"] == f"__Host-{cookie.lower()}"
    assert settings["MESSAGE_STORAGE"] == "console.messages.MessageStorage"


def test_the_content_security_policy_allows_nothing_unsafe() -> None:
    directives = dict(production()["CONTENT_SECURITY_POLICY"]["DIRECTIVES"])
    assert directives.pop("report-uri") == "/csp-reports"
    assert directives["default-src"] == ["'none'"]
    for name, sources in directives.items():
        allowed = {"'self'", "'none'"} | ({"data:"} if name == "img-src" else set())
        assert set(sources) <= allowed, name


def test_static_files_are_hashed_and_cached_by_whitenoise() -> None:
    """Hashed names let whitenoise send them with a year of `max-age` and `immutable`."""
    storage = production()["STORAGES"]["staticfiles"]["BACKEND"]
    assert storage == "whitenoise.storage.CompressedManifestStaticFilesStorage"
    middleware = production()["MIDDLEWARE"]
    whitenoise = middleware.index("whitenoise.middleware.WhiteNoiseMiddleware")
    assert whitenoise < middleware.index("console.middleware.NoStoreMiddleware")


def database(**changed: str) -> dict[str, Any]:
    started = start(production_environment() | changed)
    assert started.returncode == 0, started.stderr
    found: dict[str, Any] = json.loads(started.stdout)["DATABASES"]["default"]
    return found


def test_database_connections_are_kept_and_checked() -> None:
    found = production()["DATABASES"]["default"]
    assert found["ENGINE"] == "core.postgresql"
    assert found["CONN_MAX_AGE"] > 0
    assert found["CONN_HEALTH_CHECKS"]
    assert found["OPTIONS"]["connect_timeout"] <= 5
    assert "target_session_attrs" not in found["OPTIONS"]
    assert not found.get("DISABLE_SERVER_SIDE_CURSORS")


def test_of_several_database_hosts_the_one_that_accepts_writes_is_used() -> None:
    found = database(
        DATABASE_URL="postgresql://console:a%2Fb@db-1:5432,db-2:5433/console?sslmode=require"
    )
    assert (found["HOST"], found["PORT"]) == ("db-1,db-2", "5432,5433")
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("console", "a/b", "console")
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"
    assert found["OPTIONS"]["sslmode"] == "require"


def test_options_in_the_database_url_take_precedence() -> None:
    url = "postgresql://console:x@db-1,db-2/console?target_session_attrs=any&connect_timeout=7"
    options = database(DATABASE_URL=url)["OPTIONS"]
    assert (options["target_session_attrs"], options["connect_timeout"]) == ("any", 7)


def test_behind_pgbouncer_nothing_depends_on_a_database_session() -> None:
    found = database(DATABASE_IS_PGBOUNCER="1")
    assert found["DISABLE_SERVER_SIDE_CURSORS"]
    assert found["OPTIONS"]["prepare_threshold"] is None


def test_a_start_without_settings_fails_and_names_what_is_missing() -> None:
    refused = start({"CONSOLE_ENV_FILE": ""})
    assert refused.returncode != 0
    for name in ("SECRET_KEY", "KEY_ENCRYPTION_KEYS", "ORIGIN", "docs/reference/settings.md"):
        assert name in refused.stderr
    assert "python -c" in refused.stderr


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"KEY_ENCRYPTION_KEYS": "no-key"}, "KEY_ENCRYPTION_KEYS"),
        ({"ORIGIN": "http://developers.example.com"}, "ORIGIN must use https"),
        ({"DEMO": "1"}, "DEMO=1"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        (
            {"SANDBOX_BASE_URL": "https://platform.example.com"},
            "is the same as PRODUCTION_BASE_URL",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_unsafe_settings_are_refused_by_name(changed: dict[str, str], complaint: str) -> None:
    refused = start(production_environment() | changed)
    assert refused.returncode != 0
    assert complaint in refused.stderr
