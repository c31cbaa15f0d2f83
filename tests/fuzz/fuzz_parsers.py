"""Every parser of a token, form, header, address, path and document gets any text."""

import json
from base64 import b64encode, urlsafe_b64encode
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.core.exceptions import BadRequest, TooManyFieldsSent, ValidationError
from django.http import QueryDict
from django.test import RequestFactory, override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.platform.openapi import read_document
from accounts.platform.paths import HostilePath, PathTree
from core import browsers, email_addresses, leaks, multipart, networks, texts
from core.media_types import header_parameters
from core.one_time_links import path_without_secret
from core.origin import client_ip, network_of
from core.requests import Utf8Request
from credentials import damage, jose
from credentials.forms.inventory import chosen_ids
from credentials.oauth.bearer import BearerError, refuse_secrets_in, token_of
from credentials.oauth.client_auth import presented_credentials
from credentials.oauth.errors import OAuthError
from credentials.oauth.leaked import reported_jwts
from credentials.oauth.original_request import ambiguity, original_request
from credentials.oauth.parameters import Parameters, decoded_basic
from credentials.throttle import LimitGroup, _key
from tests.fuzz.figures import quick

KEY = jose.generate_private_key()
JWK = jose.public_jwk(KEY)
GENUINE = jose.sign({"a": 1}, sealed_private_key=jose.seal(KEY), kid=JWK["kid"], token_type="JWT")


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


# Long runs of few characters are where backtracking shows.
runs = st.builds(
    lambda unit, times, end: unit * (times // max(len(unit), 1)) + end,
    st.text(min_size=1, max_size=6)
    | st.sampled_from(["eyJ", ".", "-", "%", "[", "::", "a.", "=="]),
    st.integers(0, 60_000),
    st.text(max_size=6),
)
any_text = st.text(max_size=400) | runs
any_bytes = st.binary(max_size=400) | any_text.map(lambda text: text.encode(errors="replace"))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
any_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
headers_json = st.fixed_dictionaries(
    {},
    optional={
        name: any_json | st.sampled_from(["ES256", "JWT", "none", JWK["kid"]])
        for name in ("alg", "kid", "typ", "crit", "b64", "jwk", "cty", "zip")
    },
)
segments = any_bytes.map(b64) | any_json.map(lambda value: b64(json.dumps(value).encode()))
tokens = (
    any_text
    | st.lists(segments, min_size=1, max_size=6).map(".".join)
    | st.builds(
        lambda header, rest: f"{b64(json.dumps(header).encode())}.{rest}",
        headers_json,
        st.tuples(segments, segments).map(".".join),
    )
    | st.builds(
        lambda place, text: GENUINE[:place] + text + GENUINE[place:],
        st.integers(0, len(GENUINE)),
        st.text(max_size=5),
    )
)
# A WSGI server passes the bytes of headers on as Latin-1. It refuses longer lines.
LONGEST_HEADER = 16_000
header_values = any_bytes.map(lambda raw: raw.decode("latin-1")[:LONGEST_HEADER])
rf = RequestFactory()


@given(token=tokens)
@example(token=GENUINE)
@example(token="eyJ" * 20_000)
def fuzz_tokens(token: str) -> None:
    parsed = quick("JWT", lambda: jose.parsed_or_none(token))
    quick("JWT", lambda: jose.verify(token, jwk=JWK, token_type="JWT"), jose.InvalidToken)
    assert isinstance(quick("JWT, why it is invalid", lambda: jose.shape_problem(token)), str)
    quick("JWT, damaged", lambda: damage.damage_of(token))
    if parsed is not None:
        assert isinstance(parsed.kid + parsed.token_type + parsed.claimed("sub"), str)


@given(text=any_text | tokens)
@example(text="eyJ" * 80_000)
@example(text='"' + "eyJhbGciOiJFUzI1NiIsImtpZCI6I" * 3000)
def fuzz_leaks(text: str) -> None:
    assert isinstance(quick("text with secrets", lambda: leaks.jwts_in(text)), list)
    quick("text with secrets", lambda: leaks.holds_secret(text))
    quick("text with secrets", lambda: leaks.without_secrets(text))
    quick("text with secrets", lambda: path_without_secret(text))


def request_of(body: bytes, content_type: str, **extra: Any) -> Utf8Request:
    environ = rf.generic("POST", "/", **extra).environ
    return Utf8Request(
        environ
        | {
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )


content_types = (
    st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            "application/x-www-form-urlencoded; charset=punycode",
            "multipart/form-data; boundary=x",
            "application/json",
            "",
        ]
    )
    | header_values
)
forms = any_bytes | st.lists(st.tuples(st.text(max_size=20), st.text(max_size=50)), max_size=9).map(
    lambda pairs: urlencode(pairs, errors="replace").encode()
)


@given(body=forms, content_type=content_types, authorization=header_values | st.none())
def fuzz_forms_of_the_auth_api(body: bytes, content_type: str, authorization: str | None) -> None:
    extra = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}

    def read() -> object:
        request = request_of(body, content_type, **extra)
        parameters = Parameters.of(request)
        parameters.parsed_assertion  # noqa: B018 - it parses
        parameters.caller_address()
        return presented_credentials(request, parameters)

    quick("form at the Auth API", read, OAuthError)
    quick("reported JWTs", lambda: reported_jwts(request_of(body, content_type, **extra)))
    quick("form of a page", lambda: request_of(body, content_type).POST, BadRequest)


parts = st.lists(
    st.builds(
        lambda head, value: b"--x\r\n" + head + b"\r\n\r\n" + value + b"\r\n",
        any_bytes
        | st.sampled_from(
            [b'Content-Disposition: form-data; name="a"', b"Content-Transfer-Encoding: base64"]
        ),
        any_bytes,
    ),
    max_size=5,
).map(b"".join)


@given(body=any_bytes | parts | parts.map(lambda body: body + b"--x--"), boundary=any_text)
@example(body=b"--x\r\n" * 40_000, boundary="x")
def fuzz_multipart(body: bytes, boundary: str) -> None:
    for each in ("x", boundary):
        quick(
            "multipart form",
            lambda each=each: multipart.fields_of(body, each),  # type: ignore[misc]
            BadRequest,
            TooManyFieldsSent,
        )


pairs = st.builds(lambda *of: ":".join(of), any_text, any_text)


@given(header=header_values, pair=pairs)
def fuzz_authorization(header: str, pair: str) -> None:
    for value in (header, f"Basic {header}", f"Bearer {header}"):
        request = request_of(b"", "", HTTP_AUTHORIZATION=value)
        quick("Authorization header", lambda r=request: token_of(r), BearerError)  # type: ignore[misc]
        quick("Authorization header", lambda v=value: decoded_basic(v[6:]))  # type: ignore[misc]
    raw = pair.encode(errors="replace")[:LONGEST_HEADER].decode(errors="ignore")
    encoded = b64encode(raw.encode() or b":").decode()
    found = quick("Authorization header", lambda: decoded_basic(encoded))
    assert (found is None) == (":" not in raw and raw != "")


@given(text=any_text, header=header_values)
def fuzz_headers(text: str, header: str) -> None:
    quick("header with parameters", lambda: header_parameters(header))
    # Devices and sessions keep no more of it.
    quick("User-Agent header", lambda: browsers.described(header[:200]))
    quick("query string", lambda: refuse_secrets_in(header), BearerError)
    key = quick("key of a rate limit", lambda: _key(LimitGroup.AUTH, (text, header)))
    assert key is not None
    assert len(key) < 64


addresses = (
    any_text.map(lambda text: text[:LONGEST_HEADER])
    | st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda address: f"[{address}]:443")
    | st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}%eth0")
)


@given(text=addresses | st.builds("{}/{}".format, addresses, st.integers(-1, 200)))
def fuzz_networks(text: str) -> None:
    address = quick("address", lambda: networks.canonical_address(text))
    assert address is None or networks.canonical_address(address) == address
    quick("address", lambda: network_of(text))
    network = quick("network", lambda: networks.canonical_network(text), ValidationError)
    assert network is None or networks.canonical_network(network) == network
    quick("network", lambda: networks.entries_of(text))
    quick("network", lambda: networks.allows(text, ["192.0.2.0/24", "2001:db8::/32", text]))


@given(entries=st.lists(addresses, max_size=6), peer=addresses, raw=header_values)
def fuzz_forwarded(entries: list[str], peer: str, raw: str) -> None:
    joined = ",".join(entries).encode().decode("latin-1")
    for trusted in ([], ["0.0.0.0/0", "::/0"], ["10.0.0.0/8"]):
        for header in (joined, raw):
            request = request_of(b"", "", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=header)
            with override_settings(TRUSTED_PROXIES=trusted):
                quick("X-Forwarded-For header", lambda r=request: client_ip(r))  # type: ignore[misc]


TREE = PathTree[str]()
for template in (
    "/orders",
    "/orders/{id}",
    "/orders/{id}/refunds",
    "/orders/export",
    "/jobs/{id}:cancel",
    "/{a}-{b}-{c}.json",
    "/files/",
):
    TREE.add("GET", template, template)
paths = any_text | st.lists(
    st.sampled_from(["orders", "export", "..", "%2e", "%2F", "17", "jobs", "a-b-c.json", ";", ""])
    | st.text(max_size=9).map(quote),
    max_size=8,
).map(lambda parts: "/" + "/".join(parts))


@given(path=paths, method=st.sampled_from(["GET", "get", "HEAD"]) | any_text)
@example(path="/" + "-" * 60_000 + ".json", method="GET")
@example(path="/" + "%41" * 20_000, method="GET")
def fuzz_paths(path: str, method: str) -> None:
    quick("path at a gateway", lambda: TREE.find(method, path), HostilePath)

    def read() -> object:
        request = request_of(b"", "", HTTP_X_ORIGINAL_METHOD=method, HTTP_X_ORIGINAL_URI=path)
        return ambiguity(request, original_request(request))

    quick("request at a gateway", read, BearerError)


@given(text=any_text)
def fuzz_texts(text: str) -> None:
    quick("name or label", lambda: texts.fault_of(text))
    quick("name or label", lambda: texts.fault_of(text, paragraphs=True))
    found = quick("email address", lambda: email_addresses.normalized(text), ValidationError)
    assert found is None or email_addresses.normalized(found) == found
    ids = quick("list of IDs", lambda: chosen_ids([text, str(UUID(int=1))]))
    assert ids is not None
    assert UUID(int=1) in ids
    quick("query string", lambda: QueryDict(text[:LONGEST_HEADER]), TooManyFieldsSent)


documents = (
    any_text
    | any_json.map(json.dumps)
    | st.builds(
        lambda paths, security: json.dumps(
            {"openapi": "3.1.0", "info": {}, "paths": paths, "security": security}
        ),
        st.dictionaries(
            paths,
            any_json | st.dictionaries(st.sampled_from(["get", "put", "parameters"]), any_json),
        ),
        any_json,
    )
)


@given(document=documents, ending=st.sampled_from(["json", "yaml"]))
def fuzz_openapi_documents(document: str, ending: str, tmp_path: Path) -> None:
    # A surrogate can't be in a file.
    file = tmp_path / f"api.{ending}"
    file.write_bytes(document[:2000].encode(errors="replace"))
    none = frozenset[str]()
    read = quick("OpenAPI document", lambda: read_document(file, scopes=none, permissions=none))
    assert read is not None
