import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from accounts.platform.catalog import Operation, Parameter
from accounts.platform.openapi import ApiDocument, read_document

SCOPES = frozenset({"orders:read", "orders:write"})
PERMISSIONS = frozenset({"IssueRefunds"})


def document(**paths: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "2.4"},
        "security": [{"oauth": ["orders:read"]}],
        "paths": {f"/{name}": item for name, item in paths.items()},
        "components": {
            "securitySchemes": {
                "oauth": {"type": "oauth2", "flows": {}},
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            },
            "parameters": {
                "id": {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "schema": {"$ref": "#/components/schemas/Id"},
                }
            },
            "schemas": {"Id": {"type": "string"}, "Loop": {"$ref": "#/components/schemas/Loop"}},
        },
    }


def read(raw: Any, path: Path) -> ApiDocument:
    path.write_text(json.dumps(raw))
    return read_document(path, scopes=SCOPES, permissions=PERMISSIONS)


def mistakes(raw: Any, tmp_path: Path) -> list[tuple[str, str]]:
    return [tuple(found) for found in read(raw, tmp_path / "orders.json").mistakes]  # type: ignore[misc]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_an_operation_says_what_a_call_needs(suffix: str, tmp_path: Path) -> None:
    raw = document(
        orders={
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "post": {
                "operationId": "refund",
                "summary": "Refund an order",
                "tags": ["refunds", "money"],
                "security": [
                    {"oauth": ["orders:write", "orders:read"]},
                    {"oauth": ["orders:write"]},
                ],
                "x-user-permission": "IssueRefunds",
                "x-rate-limit-group": "Heavy",
                "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {"content": {"application/json": {}}},
            },
        }
    )  # fmt: skip
    path = tmp_path / f"orders.{suffix}"
    path.write_text(yaml.safe_dump(raw) if suffix == "yaml" else json.dumps(raw))
    found = read_document(path, scopes=SCOPES, permissions=PERMISSIONS)
    assert found == ApiDocument(
        title="Orders",
        version="2.4",
        operations=(
            Operation(
                id="refund",
                method="POST",
                path="/orders",
                scopes=(frozenset({"orders:read", "orders:write"}), frozenset({"orders:write"})),
                permission="IssueRefunds",
                limit_group="Heavy",
                summary="Refund an order",
                tag="refunds",
                parameters=(
                    Parameter("id", "path", required=True, type="string"),
                    Parameter("dry", "query", type="boolean"),
                ),
                body_type="application/json",
            ),
        ),
    )


def test_the_requirement_of_the_document_holds_for_an_operation_without_one(
    tmp_path: Path,
) -> None:
    (operation,) = read(document(orders={"get": {}}), tmp_path / "orders.json").operations
    assert operation == Operation(
        id="GET /orders",
        method="GET",
        path="/orders",
        scopes=(frozenset({"orders:read"}),),
        limit_group="Medium",
    )


@pytest.mark.parametrize("security", [[], [{}], [{"oauth": ["orders:read"]}, {}]])
def test_an_empty_requirement_opens_an_operation(security: list[Any], tmp_path: Path) -> None:
    raw = document(orders={"get": {"security": security}})
    (operation,) = read(raw, tmp_path / "orders.json").operations
    assert operation.is_open


def test_a_document_that_says_nothing_of_security_opens_nothing(tmp_path: Path) -> None:
    raw = document(orders={"get": {}})
    del raw["security"]
    (operation,) = read(raw, tmp_path / "orders.json").operations
    assert not operation.is_open
    assert operation.scopes == ()


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"security": [{"oauth": ["nope"]}]}, 'the platform file has no scope "nope"'),
        ({"x-user-permission": "Nope"}, 'the platform file has no permission "Nope"'),
        (
            {"x-rate-limit-group": "Huge"},
            '"Huge" isn\'t a rate limit group; use Light, Medium, Heavy',
        ),
        (
            {"security": [{"key": []}]},
            'the document has no OAuth 2 or bearer security scheme "key"',
        ),
        (
            {"security": [{"nope": []}]},
            'the document has no OAuth 2 or bearer security scheme "nope"',
        ),
        ({"security": {"oauth": []}}, "security isn't a list of requirements"),
        ({"security": [{"oauth": 5}]}, "security isn't a list of requirements"),
        ({"security": ["oauth"]}, "security isn't a list of requirements"),
        ({"x-user-permission": None}, 'the platform file has no permission "None"'),
        ({"x-user-permission": ["IssueRefunds"]}, "the platform file has no permission"),
        (5, "expected an object instead of '5'"),
        ({"parameters": [5]}, "expected an object instead of '5'"),
        ({"requestBody": []}, "expected an object instead of '[]'"),
        (
            {"parameters": [{"$ref": "#/components/parameters/nope"}]},
            "the reference #/components/parameters/nope doesn't exist in this document",
        ),
        (
            {"parameters": [{"$ref": "other.yaml#/id"}]},
            "the reference other.yaml#/id doesn't exist in this document",
        ),
        (
            {"parameters": [{"$ref": "#/components/schemas/Loop"}]},
            "the reference #/components/schemas/Loop refers to itself",
        ),
    ],
)
def test_a_mistake_names_its_operation(operation: Any, message: str, tmp_path: Path) -> None:
    ((place, found),) = mistakes(document(orders={"get": operation}), tmp_path)
    assert (place, found[: len(message)]) == ("GET /orders", message)


def test_two_operations_with_one_id_are_a_mistake(tmp_path: Path) -> None:
    operation = {"operationId": "list"}
    raw = document(orders={"get": operation}, refunds={"get": operation})
    message = '"list" is already the operationId of GET /orders'
    assert mistakes(raw, tmp_path) == [("GET /refunds", message)]


@pytest.mark.parametrize("paths", [[], {"/orders": 5}])
def test_paths_of_another_shape_are_a_mistake(paths: Any, tmp_path: Path) -> None:
    ((place, _message),) = mistakes(document() | {"paths": paths}, tmp_path)
    assert place == ("/orders" if paths else "paths")


def test_a_reference_leads_to_any_place_in_the_document(tmp_path: Path) -> None:
    raw = document(
        **{
            "orders/{id}": {"parameters": [{"name": "id", "in": "path"}], "get": {}},
            "orders/{id}/lines": {
                "get": {"parameters": [{"$ref": "#/paths/~1orders~1%7Bid%7D/parameters/0"}]}
            },
        }
    )
    _, operation = read(raw, tmp_path / "orders.json").operations
    assert operation.parameters == (Parameter("id", "path"),)


def test_an_extension_among_the_paths_is_no_operation(tmp_path: Path) -> None:
    raw = document(orders={"get": {}}) | {}
    raw["paths"]["x-note"] = "Not a path."
    assert len(read(raw, tmp_path / "orders.json").operations) == 1


def test_two_templates_for_the_same_paths_are_a_mistake(tmp_path: Path) -> None:
    raw = document(**{"orders/{id}": {"get": {}}, "orders/{number}": {"get": {}}})
    message = "matches the same paths as /orders/{id}"
    assert mistakes(raw, tmp_path) == [("GET /orders/{number}", message)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swagger: '2.0'", "the document isn't OpenAPI 3.0 or 3.1"),
        ("[]", "the document isn't OpenAPI 3.0 or 3.1"),
        ("openapi: 3.2.0", "the document isn't OpenAPI 3.0 or 3.1"),
        ("{", "the document isn't valid YAML or JSON"),
        ("a: [", "the document isn't valid YAML or JSON"),
        ("{" + '"a":[' * 100_000, "the document isn't valid YAML or JSON"),
        ("\x00", "the document isn't valid YAML or JSON"),
    ],
)
def test_a_text_that_is_no_openapi_document_is_one_mistake(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    (found,) = read_document(path, scopes=SCOPES, permissions=PERMISSIONS).mistakes
    assert found.message.startswith(message)


def test_a_missing_document_is_one_mistake(tmp_path: Path) -> None:
    found = read_document(tmp_path / "none.yaml", scopes=SCOPES, permissions=PERMISSIONS)
    message = "the document can't be read (No such file or directory)"
    assert found.mistakes == [("", message)]


@pytest.mark.parametrize(("suffix", "fields"), [("json", 100), ("yaml", 20)])
def test_ten_megabytes_load_within_ten_seconds(suffix: str, fields: int, tmp_path: Path) -> None:
    schema = {
        "properties": {
            f"field_{number}": {"type": "string", "description": "One of many."}
            for number in range(fields)
        }
    }
    paths = {
        f"things/{number}/{{id}}": {
            "get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}
        }
        for number in range(1200)
    }
    text = json.dumps(document(**paths), indent=1)
    path = tmp_path / f"big.{suffix}"
    # With a comment, it is only YAML.
    path.write_text(text if suffix == "json" else f"# An API\n{text}")
    megabytes = path.stat().st_size / 1_000_000
    assert megabytes > 2
    started = time.process_time()
    found = read_document(path, scopes=SCOPES, permissions=PERMISSIONS)
    assert (len(found.operations), found.mistakes) == (1200, [])
    assert time.process_time() - started < megabytes
