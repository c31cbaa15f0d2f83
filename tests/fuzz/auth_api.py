"""The Auth API as an OpenAPI document, with links between what it issues and what takes it."""

import random
import re
from dataclasses import dataclass
from typing import Any

FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TEXT: dict[str, Any] = {"type": "string"}


def _form(*names: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": dict.fromkeys(names, TEXT)}
    return {"required": True, "content": {FORM: {"schema": schema}}}


def _link(operation: str, field: str, member: str, **others: str) -> dict[str, Any]:
    body = {field: f"$response.body#/{member}", **others}
    return {"operationId": operation, "requestBody": body}


def _answers(*statuses: int, **links: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {str(status): {"description": "An answer"} for status in statuses}
    if links:
        answers["200"]["links"] = links
    return answers


def document() -> dict[str, Any]:
    client = {"name": "Authorization", "in": "header", "required": True, "schema": TEXT}
    grants = _form(
        "grant_type", "assertion", "refresh_token", "scope", "resource", "client_id",
        "client_secret", "access_token_ttl", "refresh_token_ttl",
    )  # fmt: skip
    refreshing = {"grant_type": "refresh_token"}
    links = {
        "verify": {
            "operationId": "verify",
            "parameters": {"header.Authorization": "Bearer {$response.body#/access_token}"},
        },
        "introspect": _link("introspect", "token", "access_token"),
        "introspectRefresh": _link("introspect", "token", "refresh_token"),
        "revoke": _link("revoke", "token", "access_token"),
        "revokeRefresh": _link("revoke", "token", "refresh_token"),
        "refresh": _link("token", "refresh_token", "refresh_token", **refreshing),
        "report": _link("report", "token", "access_token"),
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Auth API", "version": "1"},
        "paths": {
            "/restapi/oauth/token": {
                "post": {
                    "operationId": "token",
                    "parameters": [client],
                    "requestBody": grants,
                    "responses": _answers(200, 400, 401, 429, **links),
                }
            },
            "/restapi/oauth/introspect": {
                "post": {
                    "operationId": "introspect",
                    "parameters": [client],
                    "requestBody": _form("token", "client_ip"),
                    "responses": _answers(200, 400, 401, 429),
                }
            },
            "/restapi/oauth/revoke": {
                "post": {
                    "operationId": "revoke",
                    "parameters": [client],
                    "requestBody": _form("token", "token_type_hint"),
                    "responses": _answers(200, 400, 401, 429),
                }
            },
            "/restapi/oauth/report-refusal": {
                "post": {
                    "operationId": "report",
                    "parameters": [client],
                    "requestBody": _form(
                        "token", "api", "method", "path", "status", "scope", "permission", "message"
                    ),
                    "responses": _answers(200, 400, 401, 403, 429),
                }
            },
            "/restapi/oauth/revoke-leaked": {
                "post": {
                    "operationId": "revokeLeaked",
                    "requestBody": {
                        "content": {
                            FORM: {"schema": {"type": "object", "properties": {"token": TEXT}}},
                            "application/json": {"schema": {}},
                        }
                    },
                    "responses": _answers(202, 400, 415, 429),
                }
            },
            "/restapi/oauth/verify": {
                "get": {
                    "operationId": "verify",
                    "parameters": [
                        {"name": "Authorization", "in": "header", "schema": TEXT},
                        {"name": "api", "in": "query", "schema": TEXT},
                        {"name": "X-Original-Method", "in": "header", "schema": TEXT},
                        {"name": "X-Original-URI", "in": "header", "schema": TEXT},
                        {"name": "X-Forwarded-Uri", "in": "header", "schema": TEXT},
                        {"name": "X-Forwarded-For", "in": "header", "schema": TEXT},
                        {"name": "Proxy-Authorization", "in": "header", "schema": TEXT},
                    ],
                    "responses": _answers(204, 400, 401, 403, 429),
                }
            },
            "/restapi/oauth/jwks": {
                "get": {"operationId": "jwks", "responses": _answers(200, 400)}
            },
            "/.well-known/oauth-authorization-server": {
                "get": {"operationId": "metadata", "responses": _answers(200, 400)}
            },
        },
    }


@dataclass(frozen=True)
class Genuine:
    """What a request needs to be more than refused for its shape."""

    authorizations: list[str]
    """Of apps, of a resource server, and a wrong one."""
    jwts: list[str]
    tokens: list[str]
    """Access tokens and refresh tokens."""

    def put_into(self, case: Any) -> None:
        """Replace some of what was generated, always alike, so that a run can be repeated."""
        # Except tokens of earlier requests, which are others each time.
        short = re.sub(r"[\w.-]{40,}", "", repr((case.body, dict(case.headers or {}))))
        chance = random.Random(short)  # noqa: S311 - no secret
        if chance.random() < 0.2:
            return
        if "Authorization" in (case.headers or {}):
            bearers = [f"Bearer {token}" for token in self.tokens]
            is_call = case.operation.path.endswith("/verify")
            case.headers["Authorization"] = chance.choice(
                bearers if is_call else self.authorizations
            )
        if isinstance(case.body, dict) and case.media_type == FORM:
            case.body = self._plausible(case.operation.path, case.body, chance)

    def _plausible(self, path: str, body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
        kept = {name: value for name, value in body.items() if chance.random() < 0.1}
        # Of a link: tokens that an earlier request got.
        kept |= {name: body[name] for name in body if len(str(body[name])) > 40}
        if not path.endswith("/oauth/token"):
            return {"token": chance.choice(self.tokens + self.jwts), **kept}
        if body.get("grant_type") == "refresh_token" or chance.random() < 0.3:
            token = chance.choice(self.tokens)
            return {"refresh_token": token, **kept, "grant_type": "refresh_token"}
        return {"assertion": chance.choice(self.jwts), **kept, "grant_type": JWT_BEARER}
