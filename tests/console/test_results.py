"""How a response to *Try it* is shown: JSON in lines, everything else as it was sent."""

import json

import pytest

from console.reference.results import ShownResponse
from core.outgoing import CallResponse


def shown(
    body: bytes, content_type: str = "application/json", *, is_truncated: bool = False
) -> str:
    headers = (("content-type", content_type),)
    return ShownResponse.of(CallResponse(200, "OK", headers, body, is_truncated, 0.1)).text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[]", "[]"),
        ('{"a":{},"b":[ ]}', '{\n  "a": {},\n  "b": []\n}'),
        (
            '{"a": [1.10, {"a":null}], "a": "x[,:]\\"\\u00e9"}',
            '{\n  "a": [\n    1.10,\n    {\n      "a": null\n    }\n  ],\n'
            '  "a": "x[,:]\\"\\u00e9"\n}',
        ),
        ('"text"', '"text"'),
        ("1.10", "1.10"),
        ("not: [json", "not: [json"),
    ],
)
def test_json_gets_line_breaks_and_stays_as_it_was_sent(body: str, text: str) -> None:
    assert shown(body.encode()) == text


def test_json_that_would_become_very_long_stays_in_one_line() -> None:
    deep = "[" * 200 + ",".join("1" * 20_000) + "]" * 200
    assert json.loads(deep)
    assert shown(deep.encode()) == deep
    assert shown(b"[" * 100_000) == "[" * 100_000


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode("latin-1"), "text/plain; charset=iso-8859-1", "é"),
        ("é".encode("latin-1"), "text/plain", ""),
        ("é".encode(), "text/plain; charset=nonsense", ""),
        ("é".encode(), "text/plain; charset=base64", ""),
        (b"a\x00b", "text/plain", ""),
    ],
)
def test_only_text_is_shown(body: bytes, content_type: str, text: str) -> None:
    assert shown(body, content_type) == text


def test_a_character_that_is_cut_in_half_is_replaced() -> None:
    assert shown("aé".encode()[:2], "text/plain", is_truncated=True) == "a\ufffd"
