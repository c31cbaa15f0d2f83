"""The API reference: the OpenAPI document of an environment as a page."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.environments import Environment
from accounts.roles import ConsolePermission
from console.api.api import build_api

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A parameter or a value in a JSON body, with its path as `name`: `contact.firstName`."""

    name: str
    kind: str
    note: str = ""
    required: bool = False


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    member(request.user, ConsolePermission.CONSOLE_USE)
    wanted = request.GET.get("environment")
    environment = next((each for each in Environment if each == wanted), Environment.SANDBOX)
    context = {
        "environment": environment,
        "environments": list(Environment),
        "urls": environment.urls,
        "operations": operations(environment),
    }
    return render(request, "console/reference.html", context)


@functools.cache
def operations(environment: Environment) -> list[dict[str, Any]]:
    document: Schema = dict(build_api(environment).get_openapi_schema())
    return [
        _operation(document, method, path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _operation(document: Schema, method: str, path: str, described: Schema) -> dict[str, Any]:
    answer = described["responses"]["200" if "200" in described["responses"] else 200]
    body = described.get("requestBody")
    return {
        "method": method.upper(),
        "path": path,
        "slug": described["operationId"].replace("_", "-"),
        "summary": _as_prose(described["summary"]),
        "note": _as_prose(described.get("description", "")),
        "scope": described.get("x-app-scope", ""),
        "permission": described.get("x-user-permission", ""),
        "group": described.get("x-rate-limit-group", ""),
        "parameters": [
            Field(
                parameter["name"],
                _kind(document, parameter["schema"]),
                _limits(parameter["schema"]),
                parameter["required"],
            )
            for parameter in described["parameters"]
        ],
        "body": list(_fields(document, _json(body))) if body else [],
        "answer": list(_fields(document, _json(answer))),
    }


def _as_prose(text: str) -> str:
    # The OpenAPI document is ASCII, and a page has typographic apostrophes.
    return text.replace("'", "’")


def _json(content: Schema) -> Schema:
    schema: Schema = content["content"]["application/json"]["schema"]
    return schema


def _resolved(document: Schema, schema: Schema) -> Schema:
    # Of “this or null”, take this.
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if options:
        return _resolved(document, options[0])
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    found: Schema = document["components"]["schemas"][name]
    return found


def _fields(document: Schema, schema: Schema, prefix: str = "") -> Iterator[Field]:
    """The leaves of a JSON body. Those of an object in a list are below `name[]`."""
    schema = _resolved(document, schema)
    required = schema.get("required", [])
    for name, described in schema.get("properties", {}).items():
        inner, path = _resolved(document, described), f"{prefix}{name}"
        if inner.get("type") == "array" and "properties" in _resolved(document, inner["items"]):
            yield from _fields(document, inner["items"], f"{path}[].")
        elif "properties" in inner:
            yield from _fields(document, inner, f"{path}.")
        else:
            yield Field(path, _kind(document, described), _limits(inner), name in required)


def _kind(document: Schema, schema: Schema) -> str:
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        return f"array of {_kind(document, schema['items'])}s"
    return str(schema.get("type", "string"))


def _limits(schema: Schema) -> str:
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    words = [
        _as_prose(schema.get("description", "")),
        f"{'Always' if len(values) == 1 else 'One of'} {', '.join(map(str, values))}."
        if values
        else "",
        f"At most {schema['maxLength']} characters." if "maxLength" in schema else "",
        f"{schema['minimum']} to {schema['maximum']}." if "maximum" in schema else "",
        f"Default: {schema['default']}." if "default" in schema else "",
    ]
    return " ".join(word for word in words if word)
