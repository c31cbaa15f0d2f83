"""Reads the operations of an API from its OpenAPI document (3.0 or 3.1, YAML or JSON)."""

import gc
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import yaml

from accounts.platform.catalog import OPERATION_ID_LENGTH, Operation, Parameter
from accounts.platform.paths import AmbiguousPath, InvalidTemplate, PathTree

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LIMIT_GROUPS = ("Light", "Medium", "Heavy")
DEFAULT_LIMIT_GROUP = "Medium"
_VERSION = re.compile(r"3\.[01]\.\d+")


class DocumentMistake(NamedTuple):
    """Where the mistake is, as a method and a path or as a key, and what is wrong."""

    place: str
    message: str


@dataclass
class ApiDocument:
    """The content of one document. If it has mistakes, operations can be missing."""

    title: str = ""
    version: str = ""
    operations: tuple[Operation, ...] = ()
    mistakes: list[DocumentMistake] = field(default_factory=list)


def read_document(
    path: Path, *, scopes: frozenset[str], permissions: frozenset[str]
) -> ApiDocument:
    """The operations of a document; `scopes` and `permissions` are those of the platform."""
    document = ApiDocument()
    raw = _parsed(path, document.mistakes)
    if raw is None:
        return document
    reader = _Reader(raw, scopes, permissions, document.mistakes)
    document.title, document.version = reader.info("title"), reader.info("version")
    document.operations = tuple(reader.operations())
    _check_operations(document)
    return document


def _parsed(path: Path, mistakes: list[DocumentMistake]) -> dict[str, Any] | None:
    # Parsing a large document creates a million objects and no garbage. Garbage collection would
    # double the time.
    gc.disable()
    try:
        text = path.read_text(encoding="utf-8")
        # JSON is valid YAML, but the JSON parser is a hundred times as fast.
        is_json = path.suffix.lower() == ".json" or text.lstrip()[:1] == "{"
        raw = json.loads(text) if is_json else yaml.load(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        mistakes.append(DocumentMistake("", f"the document can't be read ({error.strerror})"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        mistakes.append(DocumentMistake("", f"the document isn't valid YAML or JSON: {error}"))
    else:
        version = raw.get("openapi") if isinstance(raw, dict) else None
        if isinstance(version, str) and _VERSION.fullmatch(version):
            return dict(raw)
        mistakes.append(DocumentMistake("openapi", "the document isn't OpenAPI 3.0 or 3.1"))
    finally:
        gc.enable()
    return None


def _check_operations(document: ApiDocument) -> None:
    # If two templates matched a path equally well, it would be unclear which rule applies.
    tree: PathTree[Operation] = PathTree()
    places: dict[str, str] = {}
    for operation in document.operations:
        place = f"{operation.method} {operation.path}"
        first = places.setdefault(operation.id, place)
        if not operation.id.isprintable() or len(operation.id) > OPERATION_ID_LENGTH:
            message = (
                f"the operationId must have at most {OPERATION_ID_LENGTH} printable characters"
            )
            document.mistakes.append(DocumentMistake(place, message))
        if first != place:
            message = f'"{operation.id}" is already the operationId of {first}'
            document.mistakes.append(DocumentMistake(place, message))
        try:
            tree.add(operation.method, operation.path, operation)
        except (AmbiguousPath, InvalidTemplate) as error:
            document.mistakes.append(DocumentMistake(place, str(error)))


class _Reader:
    def __init__(
        self,
        raw: dict[str, Any],
        scopes: frozenset[str],
        permissions: frozenset[str],
        mistakes: list[DocumentMistake],
    ) -> None:
        self._raw = raw
        self._scopes = scopes
        self._permissions = permissions
        self._mistakes = mistakes
        self._place = ""

    def info(self, key: str) -> str:
        return str(_mapping(self._raw.get("info")).get(key) or "")

    def operations(self) -> Iterator[Operation]:
        self._place = "paths"
        for template, item in self._object(self._raw.get("paths")).items():
            if str(template).startswith("x-"):
                continue
            self._place = str(template)
            path_item = self._object(item)
            for method in METHODS:
                if method in path_item:
                    self._place = f"{method.upper()} {template}"
                    yield self._operation(method.upper(), str(template), path_item)

    def _operation(self, method: str, template: str, path_item: Mapping[str, Any]) -> Operation:
        raw = self._object(path_item[method.lower()])
        is_open, scopes = self._security(raw)
        shared, own = _list(path_item.get("parameters")), _list(raw.get("parameters"))
        body = self._object(raw.get("requestBody"))
        return Operation(
            id=str(raw.get("operationId") or f"{method} {template}"),
            method=method,
            path=template,
            scopes=scopes,
            is_open=is_open,
            permission=self._permission(raw),
            limit_group=self._limit_group(raw),
            summary=str(raw.get("summary") or ""),
            description=str(raw.get("description") or ""),
            tag=next(map(str, _list(raw.get("tags"))), ""),
            parameters=self._parameters([*shared, *own]),
            body_type=next(map(str, _mapping(body.get("content"))), ""),
        )

    def _security(self, raw: Mapping[str, Any]) -> tuple[bool, tuple[frozenset[str], ...]]:
        """Whether the operation is open, and the alternative lists of scopes.

        Only an explicit, empty requirement opens an operation.
        """
        if "security" not in raw and "security" not in self._raw:
            return False, ()
        security = raw["security"] if "security" in raw else self._raw["security"]
        if not isinstance(security, list) or not all(map(_is_requirement, security)):
            self._note("security isn't a list of requirements")
            return False, ()
        if not security or {} in security:
            return True, ()
        return False, tuple(map(self._required_scopes, security))

    def _required_scopes(self, requirement: Mapping[str, list[str]]) -> frozenset[str]:
        for name in requirement:
            if not self._is_token(name):
                self._note(f'the document has no OAuth 2 or bearer security scheme "{name}"')
        required = frozenset[str]().union(*requirement.values())
        for scope in sorted(required - self._scopes):
            self._note(f'the platform file has no scope "{scope}"')
        return required

    def _is_token(self, name: str) -> bool:
        schemes = _mapping(_mapping(self._raw.get("components")).get("securitySchemes"))
        scheme = self._object(schemes.get(name))
        kind = scheme.get("type")
        is_bearer = kind == "http" and str(scheme.get("scheme")).lower() == "bearer"
        return is_bearer or kind in ("oauth2", "openIdConnect")

    def _permission(self, raw: Mapping[str, Any]) -> str:
        if "x-user-permission" not in raw:
            return ""
        permission = str(raw["x-user-permission"])
        if permission not in self._permissions:
            self._note(f'the platform file has no permission "{permission}"')
        return permission

    def _limit_group(self, raw: Mapping[str, Any]) -> str:
        group = str(raw.get("x-rate-limit-group", DEFAULT_LIMIT_GROUP))
        if group not in LIMIT_GROUPS:
            self._note(f'"{group}" isn\'t a rate limit group; use {", ".join(LIMIT_GROUPS)}')
        return group

    def _parameters(self, raw: Sequence[Any]) -> tuple[Parameter, ...]:
        # A parameter of the operation replaces one of the path with the same name and location.
        found: dict[tuple[str, str], Parameter] = {}
        for each in raw:
            parameter = self._object(each)
            name, location = str(parameter.get("name", "")), str(parameter.get("in", ""))
            schema = self._object(parameter.get("schema"))
            found[name, location] = Parameter(
                name=name,
                location=location,
                required=parameter.get("required") is True,
                description=str(parameter.get("description") or ""),
                type=_type(schema),
                example=_example(parameter, schema),
            )
        return tuple(found.values())

    def _object(self, value: Any) -> Mapping[str, Any]:
        """The object itself, or the one that it refers to; empty without one."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            if reference in seen:
                self._note(f"the reference {reference} refers to itself")
                return {}
            seen.add(reference)
            try:
                value = self._at(reference)
            except LookupError:
                self._note(f"the reference {reference} doesn't exist in this document")
                return {}
        if not (value is None or isinstance(value, dict)):
            self._note(f"expected an object instead of {str(value)[:40]!r}")
        return _mapping(value)

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise LookupError
        value: Any = self._raw
        for part in unquote(reference[2:]).split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isdecimal():
                value = value[int(key)]
            elif isinstance(value, dict):
                value = value[key]
            else:
                raise LookupError
        return value

    def _note(self, message: str) -> None:
        self._mistakes.append(DocumentMistake(self._place, message))


def _is_requirement(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)
        for scopes in value.values()
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _example(parameter: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    listed = _list(schema.get("examples"))
    for value in (parameter.get("example"), schema.get("example"), *listed):
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
    return ""
