"""A platform with a large API behind a gateway, and how the gateway asks about its calls."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from accounts.platform.file import ORIGINAL
from benchmarks import load
from benchmarks.api_requests import BASE

OPERATIONS = 1_000
API = """
[[apis]]
id = "things"
label = "Things API"
audience = "https://api.benchmark.example/things"
openapi = "things.json"
servers = { sandbox = "https://api.benchmark.example/v1" }
"""


def write_platform(directory: Path) -> Path:
    """The original platform, and an API in which each operation asks for a scope and a permission.

    Returns the path of its platform file.
    """
    operation = {
        "security": [{"oauth": ["ReadAccounts"]}],
        "x-user-permission": "ReadCompanyInfo",
    }
    paths = {
        f"/things{number}/{{id}}/parts/{{part}}": {"get": operation | {"operationId": f"{number}"}}
        for number in range(OPERATIONS)
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"oauth": {"type": "oauth2", "flows": {}}}},
    }
    (directory / "things.json").write_text(json.dumps(document))
    file = directory / "things.toml"
    file.write_text(ORIGINAL.read_text() + API)
    return file


def decisions(tokens: Iterable[str]) -> Iterator[bytes]:
    """A different operation and other IDs in each request."""
    return itertools.cycle(
        [
            load.request(
                "GET",
                f"{BASE.path}/restapi/oauth/verify?api=things",
                host=BASE.netloc,
                headers={
                    "Authorization": f"Bearer {token}",
                    "X-Original-Method": "GET",
                    "X-Original-URI": f"/v1/things{number % OPERATIONS}/{number:x}/parts/7?all=1",
                },
            )
            for number, token in enumerate(tokens)
        ]
    )
