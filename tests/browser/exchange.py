"""Exchanges a JWT and calls the API, as an app does."""

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def exchange(base_url: str, client_id: str, client_secret: str, jwt: str) -> dict[str, Any]:
    """Return the body of the token endpoint, whether it grants or refuses."""
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    request = Request(
        f"{base_url}/restapi/oauth/token",
        data=urlencode({"grant_type": GRANT_TYPE, "assertion": jwt}).encode(),
        headers={"Authorization": f"Basic {basic}"},
    )
    return _json(request)


def call(url: str, access_token: str) -> dict[str, Any]:
    return _json(Request(url, headers={"Authorization": f"Bearer {access_token}"}))


def _json(request: Request) -> dict[str, Any]:
    try:
        with urlopen(request) as response:
            body: dict[str, Any] = json.load(response)
    except HTTPError as error:
        body = json.load(error)
    return body


def error_code(body: dict[str, Any]) -> str:
    code: str = body["errors"][0]["errorCode"]
    return code
