"""The bodies of changes through the REST API: how they are encoded, and on what condition."""

from typing import Any

import pytest

from accounts.models import AuditEvent, AuditKind
from tests import api, cast
from tests.conftest import Rebels

ADDRESS = "/account/~/business-address"
CONTACT = "/account/~/extension/~"
CHANGE = {"company": "Jedi Temple"}


@pytest.fixture
def token(rebels: Rebels) -> str:
    return api.access_token(api.app(rebels.leia), cast.credential(rebels.leia))


def put(token: str, body: Any, path: str = ADDRESS, **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    content = body if isinstance(body, bytes) else api.json_bytes(body)
    return api.program().generic(
        "PUT",
        f"/sandbox/restapi/v1.0{path}",
        content,
        content_type=sent["Content-Type"],
        headers=sent,
    )


def refused(response: Any, status: int, code: str, message: str, **names: str) -> None:
    assert (response.status_code, response.json()) == (
        status,
        api.rest_error(code, message, **names),
    )
    assert not AuditEvent.objects.filter(kind=AuditKind.PLATFORM_ACCOUNT_UPDATED).exists()


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "punycode", "nonsense"])
def test_a_body_in_another_charset_is_refused(token: str, charset: str) -> None:
    response = put(token, CHANGE, Content_Type=f"application/json; charset={charset}")
    refused(response, 415, "CMN-101", "The body is not UTF-8. Send it in UTF-8.")


def test_a_compressed_body_is_refused(token: str) -> None:
    message = "The body is compressed. Send it without Content-Encoding."
    refused(put(token, CHANGE, Content_Encoding="gzip"), 415, "CMN-101", message)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_json_is_read_as_utf_8_only(token: str, encoding: str) -> None:
    """Python recognizes other encodings by themselves (RFC 8259 §8.1 allows only UTF-8)."""
    body = api.json_bytes(CHANGE).decode().encode(encoding)
    refused(put(token, body), 400, "CMN-103", "The JSON can't be parsed.")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf8", "text/plain", ""])
def test_utf_8_is_read_under_any_content_type(token: str, content_type: str) -> None:
    assert put(token, CHANGE, Content_Type=content_type).json()["company"] == "Jedi Temple"


@pytest.mark.parametrize(
    ("path", "change", "name"),
    [
        (ADDRESS, {"compnay": "Jedi Temple"}, "compnay"),
        (ADDRESS, {"city": "Yavin"}, "city"),
        (ADDRESS, {"businessAddress": {"town": "Yavin"}}, "businessAddress.town"),
        (CONTACT, {"contacts": {}}, "contacts"),
        (CONTACT, {"contact": {"firstname": "Leia"}}, "contact.firstname"),
    ],
)
def test_a_misspelled_field_is_named(token: str, path: str, change: Any, name: str) -> None:
    message = f"Parameter [{name}] is invalid: There is no such field. Check the spelling."
    refused(put(token, change, path), 400, "CMN-101", message, parameterName=name)


@pytest.mark.parametrize(
    ("path", "name"), [(ADDRESS, "uri"), (CONTACT, "status"), (CONTACT, "permissions")]
)
def test_a_field_that_can_not_change_is_accepted_as_it_is(token: str, path: str, name: str) -> None:
    """So a program can read a resource, change a field, and send all of it back."""
    resource = api.call("GET", path, token).json()
    assert put(token, resource, path).json() == resource
    message = f"Parameter [{name}] is invalid: This call can't change it. Leave it out."
    refused(put(token, resource | {name: "x"}, path), 400, "CMN-101", message, parameterName=name)


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("If_Match", '"a"', "no resource of this API has an ETag"),
        ("If_Match", 'W/"a", "b"', "no resource of this API has an ETag"),
        ("If_None_Match", "*", "the resource exists"),
    ],
)
def test_a_change_whose_condition_is_false_is_not_made(
    token: str, header: str, value: str, reason: str
) -> None:
    name = header.replace("_", "-")
    message = f"The condition in {name} is false, because {reason}. Send the request without it."
    refused(put(token, CHANGE, **{header: value}), 412, "CMN-101", message)
    # RFC 9110 §13.2.1: a request that is refused anyway gets that refusal.
    invalid = put(token, {"email": "x"}, **{header: value})
    assert (invalid.status_code, invalid.json()["errors"][0]["parameterName"]) == (400, "email")


@pytest.mark.parametrize(("header", "value"), [("If_Match", "*"), ("If_None_Match", '"a"')])
def test_a_change_whose_condition_is_true_is_made(token: str, header: str, value: str) -> None:
    assert put(token, CHANGE, **{header: value}).json()["company"] == "Jedi Temple"


def test_the_openapi_document_says_which_texts_are_addresses(db: None) -> None:
    document = api.program().get("/sandbox/restapi/openapi.json").json()
    addresses = {
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if '"format": "email"' in api.json_bytes(described).decode()
    }
    assert addresses == {
        "BusinessAddress.email", "BusinessAddressChange.email", "Contact.email",
        "ContactChange.email",
    }  # fmt: skip
    refusals = document["paths"]["/restapi/v1.0/account/{account_id}/business-address"]
    assert {"412", "415"} <= refusals["put"]["responses"].keys()
    assert {"412", "415"}.isdisjoint(refusals["get"]["responses"])
    for name in ("BusinessAddressChange", "ExtensionChange"):
        assert document["components"]["schemas"][name]["additionalProperties"] is False
