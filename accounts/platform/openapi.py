"""Reads the operations of an API from its OpenAPI document (3.0 or 3.1, YAML or JSON)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from accounts.platform.catalog import Operation, Parameter
from accounts.platform.paths import AmbiguousPath, InvalidTemplate, PathTree

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LIMIT_GROUPS = ("Light", "Medium", "Heavy")
DEFAULT_LIMIT_GROUP = "Medium"
# Schemes whose requirement is a list of app scopes.
_SCOPED_SCHEMES = {"oauth2", "openIdConnect"}
_VERSION = re.compile(r"3\.[01]\.\d+")


class DocumentMistake(NamedTuple):
    """Where in the document, as a JSON pointer or a method and a path; and what is wrong."""

    place: str
    message: str


@dataclass
class ApiDocument:
    """What one document says. With mistakes, the operations may be incomplete."""

    version: str = ""
    operations: tuple[Operation, ...] = ()
    mistakes: list[DocumentMistake] = field(default_factory=list)


class _UnresolvedReference(Exception):
    pass


def read_document(
    path: Path, *, scopes: frozenset[str], permissions: frozenset[str]
) -> ApiDocument:
    """The operations of a document; scopes and permissions are those of the platform."""
    document = ApiDocument()
    raw = _parsed(path, document.mistakes)
    if raw is None:
        return document
    reading = _Reading(raw, scopes, permissions, document.mistakes)
    document.version = reading.version
    document.operations = tuple(reading.operations())
    _check_paths(document)
    return document


def _parsed(path: Path, mistakes: list[DocumentMistake]) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
        # JSON is YAML as well, but its own parser is a hundred times as fast.
        is_json = path.suffix.lower() == ".json" or text.lstrip()[:1] == "{"
        raw = json.loads(text) if is_json else yaml.load(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        mistakes.append(DocumentMistake("", f"the document can't be read ({error.strerror})"))
    except (ValueError, yaml.YAMLError) as error:
        mistakes.append(DocumentMistake("", f"the document is neither YAML nor JSON: {error}"))
    else:
        version = raw.get("openapi") if isinstance(raw, dict) else None
        if isinstance(version, str) and _VERSION.fullmatch(version):
            return dict(raw)
        mistakes.append(DocumentMistake("openapi", "the document isn't OpenAPI 3.0 or 3.1"))
    return None


def _check_paths(document: ApiDocument) -> None:
    """Two templates that match the same path equally well leave open which rule counts."""
    tree: PathTree[Operation] = PathTree()
    for operation in document.operations:
        try:
            tree.add(operation.method, operation.path, operation)
        except (AmbiguousPath, InvalidTemplate) as error:
            place = f"{operation.method} {operation.path}"
            document.mistakes.append(DocumentMistake(place, str(error)))


class _Reading:
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

    @property
    def version(self) -> str:
        info = self._raw.get("info")
        return str(info.get("version", "")) if isinstance(info, dict) else ""

    def operations(self) -> Iterator[Operation]:
        for template, item in _mapping(self._raw.get("paths")).items():
            path_item = self._resolved(item)
            shared = path_item.get("parameters") or ()
            for method in METHODS:
                if isinstance(operation := path_item.get(method), dict):
                    self._place = f"{method.upper()} {template}"
                    yield self._operation(method.upper(), str(template), operation, shared)

    def _operation(
        self, method: str, template: str, raw: Mapping[str, Any], shared: Sequence[Any]
    ) -> Operation:
        needs_token, scopes = self._security(raw)
        return Operation(
            id=str(raw.get("operationId") or f"{method} {template}"),
            method=method,
            path=template,
            scopes=scopes,
            needs_token=needs_token,
            permission=self._permission(raw),
            limit_group=self._limit_group(raw),
            summary=str(raw.get("summary") or ""),
            description=str(raw.get("description") or ""),
            tag=next((str(tag) for tag in raw.get("tags") or ()), ""),
            parameters=self._parameters([*shared, *(raw.get("parameters") or ())]),
            body_type=next(
                iter(_mapping(self._resolved(raw.get("requestBody")).get("content"))), ""
            ),
        )

    def _security(self, raw: Mapping[str, Any]) -> tuple[bool, tuple[frozenset[str], ...]]:
        """Whether a token is needed, and the alternatives of scopes.

        Only an empty requirement that is written down opens an operation: one that the document
        says nothing about needs a token.
        """
        security = raw.get("security", self._raw.get("security"))
        if security is None:
            return True, ()
        if not isinstance(security, list) or not all(isinstance(each, dict) for each in security):
            self._note("security is not a list of requirements")
            return True, ()
        if not security or {} in security:
            return False, ()
        return True, tuple(self._required_scopes(requirement) for requirement in security)

    def _required_scopes(self, requirement: Mapping[str, Any]) -> frozenset[str]:
        required: set[str] = set()
        for name, scopes in requirement.items():
            scheme = self._scheme(name)
            kind = scheme.get("type")
            if kind in _SCOPED_SCHEMES:
                required.update(map(str, scopes or ()))
            elif not (kind == "http" and str(scheme.get("scheme")).lower() == "bearer"):
                self._note(f'the security scheme "{name}" is neither OAuth 2 nor a bearer token')
        for scope in sorted(required - self._scopes):
            self._note(f'the platform file has no scope "{scope}"')
        return frozenset(required)

    def _scheme(self, name: str) -> Mapping[str, Any]:
        components = _mapping(self._raw.get("components"))
        schemes = _mapping(components.get("securitySchemes"))
        return self._resolved(schemes.get(name))

    def _permission(self, raw: Mapping[str, Any]) -> str:
        permission = raw.get("x-user-permission", "")
        if permission and permission not in self._permissions:
            self._note(f'the platform file has no permission "{permission}"')
        return str(permission)

    def _limit_group(self, raw: Mapping[str, Any]) -> str:
        group = raw.get("x-rate-limit-group", DEFAULT_LIMIT_GROUP)
        if group not in LIMIT_GROUPS:
            self._note(f'"{group}" is not a limit group; use {", ".join(LIMIT_GROUPS)}')
        return str(group)

    def _parameters(self, raw: Sequence[Any]) -> tuple[Parameter, ...]:
        """Those of the operation replace those of its path that have the same name and place."""
        found: dict[tuple[str, str], Parameter] = {}
        for each in raw:
            parameter = self._resolved(each)
            name, location = str(parameter.get("name", "")), str(parameter.get("in", ""))
            found[name, location] = Parameter(
                name=name,
                location=location,
                required=parameter.get("required") is True,
                description=str(parameter.get("description") or ""),
                type=_type(self._resolved(parameter.get("schema"))),
            )
        return tuple(found.values())

    def _resolved(self, value: Any) -> Mapping[str, Any]:
        """What a reference leads to; the value itself if it is none."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            if reference in seen:
                self._note(f"the reference {reference} leads back to itself")
                return {}
            seen.add(reference)
            try:
                value = self._at(reference)
            except _UnresolvedReference:
                self._note(f"the reference {reference} leads nowhere in this document")
                return {}
        return _mapping(value)

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise _UnresolvedReference
        value: Any = self._raw
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, dict) or key not in value:
                raise _UnresolvedReference
            value = value[key]
        return value

    def _note(self, message: str) -> None:
        self._mistakes.append(DocumentMistake(self._place, message))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
