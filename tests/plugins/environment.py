"""Gives every test run the same settings, independent of the developer's shell and `.env`.

Loaded with `-p` (see pyproject.toml), because pytest-django imports the settings before any
conftest.py is read.
"""

import os

ENVIRONMENT = {
    # Empty, so that console/env.py reads no file.
    "CONSOLE_ENV_FILE": "",
    "SECRET_KEY": "tests-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ",
    "KEY_ENCRYPTION_KEYS": "dGVzdHMtb25seS0zMi1ieXRlcy1mZXJuZXQta2V5LS0=",
    "ORIGIN": "http://localhost:8000",
    "LOG_LEVEL": "WARNING",
    "EMAIL_URL": "memorymail://",
    # Off, because tests repeat requests. Tests of limits set their own.
    "RATE_LIMIT_AUTH": "off",
    "RATE_LIMIT_HEAVY": "off",
    "RATE_LIMIT_MEDIUM": "off",
    "RATE_LIMIT_LIGHT": "off",
    "RATE_LIMIT_EMAILS": "off",
    "RATE_LIMIT_CREATIONS": "off",
}
# A shell or a container can have exported these. Tests that need one set it themselves.
UNSET = (
    "ALLOWED_HOSTS",
    "CACHE_PASSWORD",
    "CACHE_URL",
    "DATABASE_IS_PGBOUNCER",
    "DATABASE_PASSWORD",
    "DEFAULT_FROM_EMAIL",
    "DEMO",
    "DEMO_PASSWORD",
    "DRAIN_FILE",
    "DRAIN_SECONDS",
    "METRICS_HOST",
    "METRICS_PORT",
    "METRICS_TOKEN",
    "PASSWORD_WORDS",
    "PLAINTEXT_CONNECTIONS",
    "PLATFORM_FILE",
    "PORT",
    "PRODUCTION_BASE_URL",
    "PRODUCTION_PREVIOUS_BASE_URLS",
    "SANDBOX_BASE_URL",
    "SANDBOX_PREVIOUS_BASE_URLS",
    "SECRET_KEY_FALLBACKS",
    "SECURITY_CONTACT",
    "SESSION_HOURS",
    "SESSION_IDLE_MINUTES",
    "TOKEN_SESSION_DAYS",
    "TRUSTED_PROXIES",
    "TRUSTED_PROXY_COUNT",
)

for _name in (*ENVIRONMENT, *UNSET):
    os.environ.pop(_name, None)
    os.environ.pop(f"{_name}_FILE", None)
os.environ.update(ENVIRONMENT)
