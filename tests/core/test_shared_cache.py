"""What the shared cache holds. tests/credentials/test_throttle.py lets it die and come back."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings
from redis import Redis

from core.shared_cache import OUTAGE
from tests.plugins.redis import RedisServer


class Harmful:
    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Harmful, "ran", True)


@pytest.fixture
def server(settings: Settings, redis_server: RedisServer) -> Iterator[Redis]:
    settings.CACHES = {
        "default": {
            "BACKEND": "core.shared_cache.ForgivingRedisCache",
            "LOCATION": redis_server.url,
        }
    }
    OUTAGE.forget()
    with redis_server.client() as client:
        yield client


def test_values_are_kept_as_json(server: Redis) -> None:
    for value in ("seen", ["1.5", 2, None], 7, True, {"a": [1.5]}):
        cache.set("key", value, 60)
        assert cache.get("key") == value
    # Another key than that of former releases, which would unpickle the value.
    assert [(key, server.get(key)) for key in server.scan_iter()] == [(b":2:key", b'{"a": [1.5]}')]


@pytest.mark.parametrize(
    "stored", [pickle.dumps(Harmful()), b"\xff\xfe", b"", b"{", b"[" * 100_000]
)
def test_an_unreadable_value_is_a_miss_and_runs_nothing(server: Redis, stored: bytes) -> None:
    server.set(":2:key", stored)
    assert cache.get("key", ["nothing"]) == ["nothing"]
    assert not Harmful.ran
    cache.set("key", "new", 60)
    assert cache.get("key") == "new"
