"""Ready-to-run code for the page of a new JWT: an exchange and a call, in seven languages.

Code gets committed and shared, so it contains no secret. It reads everything from the environment,
and the `.env` block is what to put there.
"""

import re
from dataclasses import dataclass, field

from django.conf import settings
from django.template.loader import render_to_string

from accounts.environments import Environment

# What the original vendor's samples read.
_PREFIX_OF_BUILT_IN_API = "RC"
_CALL_OF_BUILT_IN_API = "/restapi/v1.0/account/~/extension/~"
_NAMES = {
    "curl": "curl",
    "python": "Python",
    "javascript": "JavaScript",
    "php": "PHP",
    "ruby": "Ruby",
    "java": "Java",
    "csharp": "C#",
}


@dataclass(frozen=True)
class Snippet:
    name: str
    slug: str
    code: str = field(repr=False)
    file_name: str = ""
    """What a download is called; empty for code that is only copied."""


def snippets(*, environment: Environment, client_id: str, jwt: str) -> list[Snippet]:
    """The `.env` block first, because the code needs it."""
    values = {
        "prefix": variable_prefix(),
        "server_url": environment.urls.base_url,
        "client_id": client_id,
        "jwt": jwt,
    }
    dotenv = Snippet(".env", "dotenv", _rendered("dotenv", values), file_name="settings.env")
    call = _call(environment)
    return [
        dotenv,
        *(Snippet(name, slug, _rendered(slug, values | call)) for slug, name in _NAMES.items()),
    ]


def variable_prefix() -> str:
    """What the names of the environment variables begin with, such as `ACME`."""
    platform = settings.PLATFORM
    if platform.built_in_api:
        return _PREFIX_OF_BUILT_IN_API
    words = re.sub(r"[^A-Z0-9]+", "_", platform.name.upper()).strip("_")
    # Names of variables can't begin with a digit.
    return words if words[:1].isalpha() else f"APP_{words}".rstrip("_")


def _rendered(slug: str, values: dict[str, str]) -> str:
    text = render_to_string(f"credentials/snippets/{slug}.txt", values, using="text")
    return f"{text.rstrip()}\n"


def _call(environment: Environment) -> dict[str, str]:
    """The `path` below the server URL, or else the `url`; empty if no operation is simple."""
    platform = settings.PLATFORM
    if platform.built_in_api:
        return {"path": _CALL_OF_BUILT_IN_API}
    urls = (
        f"{api.servers[environment]}{operation.path}"
        for api in platform.apis.values()
        if environment in api.servers
        for operation in api.operations
        if operation.method == "GET" and "{" not in operation.path
    )
    return {"url": next(urls, "")}
