"""The built-in REST API as the reference shows it, from its OpenAPI document."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accounts.environments import Environment
from accounts.platform import built_in
from accounts.platform.catalog import Api, Operation, Parameter
from console.api.api import build_api
from console.api.representations import VERSION

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A value in a JSON body, with its path as `name`: `contact.firstName`."""

    name: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class Bodies:
    """The JSON bodies of an operation; the request's is empty if there is none."""

    request: tuple[Field, ...]
    response: tuple[Field, ...]


def rest_api() -> Api:
    return Api(
        id=built_in.API_ID,
        label=built_in.LABEL,
        # Each environment has its own. *Try it* calls the sandbox.
        audience=Environment.SANDBOX.urls.rest_api,
        servers={environment: environment.urls.base_url for environment in Environment},
        unlisted="refuse",
        title=built_in.LABEL,
        version=VERSION.lstrip("v"),
        operations=_operations(),
    )


@functools.cache
def bodies() -> dict[str, Bodies]:
    """By the ID of the operation."""
    document = _document()
    return {
        _id(described): Bodies(_request(document, described), _response(document, described))
        for _method, _path, described in _described(document)
    }


@functools.cache
def _operations() -> tuple[Operation, ...]:
    document = _document()
    return tuple(
        _operation(document, method, path, described)
        for method, path, described in _described(document)
    )


@functools.cache
def _document() -> Schema:
    return dict(build_api(Environment.SANDBOX).get_openapi_schema())


def _described(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


def _id(described: Schema) -> str:
    return built_in.operation_id(str(described["operationId"]))


def _operation(document: Schema, method: str, path: str, described: Schema) -> Operation:
    scope = described.get("x-app-scope")
    return Operation(
        id=_id(described),
        method=method,
        path=path,
        scopes=(frozenset({scope}),) if scope else (),
        is_open="security" not in described,
        permission=described.get("x-user-permission", ""),
        limit_group=described.get("x-rate-limit-group", ""),
        summary=_as_prose(described["summary"]),
        description=_as_prose(described.get("description", "")),
        parameters=tuple(
            Parameter(
                name=parameter["name"],
                location=parameter["in"],
                required=parameter["required"],
                description=_limits(parameter["schema"]),
                type=_kind(document, parameter["schema"]),
                example=_example(parameter["schema"]),
            )
            for parameter in described["parameters"]
        ),
        body_type="application/json" if "requestBody" in described else "",
    )


def _example(schema: Schema) -> str:
    return str(next(iter(schema.get("examples", [])), ""))


def _request(document: Schema, described: Schema) -> tuple[Field, ...]:
    body = described.get("requestBody")
    return tuple(_fields(document, _json(body))) if body else ()


def _response(document: Schema, described: Schema) -> tuple[Field, ...]:
    responses = described["responses"]
    return tuple(_fields(document, _json(responses["200" if "200" in responses else 200])))


def _as_prose(text: str) -> str:
    # The OpenAPI document is ASCII, and pages use typographic apostrophes.
    return text.replace("'", "’")


def _json(content: Schema) -> Schema:
    schema: Schema = content["content"]["application/json"]["schema"]
    return schema


def _resolved(document: Schema, schema: Schema) -> Schema:
    # For a value that can be null, use the schema of the other values.
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
    for name, described in _resolved(document, schema).get("properties", {}).items():
        inner, path = _resolved(document, described), f"{prefix}{name}"
        if inner.get("type") == "array" and "properties" in _resolved(document, inner["items"]):
            yield from _fields(document, inner["items"], f"{path}[].")
        elif "properties" in inner:
            yield from _fields(document, inner, f"{path}.")
        else:
            yield Field(path, _kind(document, described), _limits(inner))


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
