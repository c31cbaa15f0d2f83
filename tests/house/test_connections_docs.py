"""docs/reference/connections.md names every connection, and its numbers are those of the code."""

import re
from datetime import timedelta
from typing import Any

from django.conf import settings

from console.env import _POSTGRESQL
from console.reference.try_it import MOST_BYTES, SECONDS
from core import database
from core.outgoing import CALLS_AT_ONCE
from core.postgresql.base import PAUSE
from core.shared_cache import LEFT_ALONE_FOR
from tests.house.test_dangerous import CONNECTING
from tests.house.test_docs import sections, text_of

PAGE = "docs/reference/connections.md"
# These connect to nothing outside: they look for a free port, and answer Prometheus.
LOCAL = {"console/demo_env.py", "console/metrics.py", "console/preflight.py"}


def part(heading: str) -> str:
    return sections(text_of(PAGE), 2)[heading]


def test_the_page_names_every_module_that_connects_to_something() -> None:
    named = set(re.findall(r"`(\w+(?:/\w+)+\.py)`", part("Outgoing")))
    assert named == set(CONNECTING) - LOCAL


def limits_of(service: str) -> str:
    [row] = re.findall(rf"^\| {service} \|.*$", part("Limits, timeouts, and retries"), re.MULTILINE)
    return str(row)


def test_the_limits_of_the_database_are_those_of_the_code() -> None:
    row = limits_of("PostgreSQL")
    assert f"{_POSTGRESQL['connect_timeout']} s to connect" in row
    assert f"{_POSTGRESQL['tcp_user_timeout'] // 1000} s without an acknowledgment" in row
    assert f"keepalives after {_POSTGRESQL['keepalives_idle']} s" in row
    assert f"One request in {PAUSE:g} s" in row
    assert f"{database.STATUS} and `Retry-After: {database.HEADERS['Retry-After']}`" in row


def test_the_limits_of_other_services_are_those_of_the_code() -> None:
    assert f"the cache again for {LEFT_ALONE_FOR:g} s" in limits_of("Shared cache")
    email: dict[str, Any] = settings.POST_OFFICE
    row = limits_of("Email server")
    assert f"| {settings.EMAIL_TIMEOUT} s |" in row
    assert email["RETRY_INTERVAL"] == timedelta(minutes=5)
    assert email["MAX_RETRIES"] * email["RETRY_INTERVAL"] == timedelta(days=30)
    assert "every five minutes for thirty days" in row
    row = limits_of("Sandbox servers")
    assert f"| {CALLS_AT_ONCE} in a process" in row
    assert f"{SECONDS:g} s for the whole call, and {MOST_BYTES // 10**6} MB" in row
