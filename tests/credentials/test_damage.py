"""A JWT, a secret or a token that was damaged on its way: the answer says how it looks.

It says nothing else: a forged text with the same damage gets the same answer.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from credentials.damage import DAMAGES, damage_of
from credentials.oauth.errors import refresh_token_invalid
from tests import api
from tests.conftest import SignIn
from tests.credentials.refusing import WHY, asked, recorded
from tests.credentials.scenes import Scene, fixes
from tests.credentials.token_requests import (
    NO_CLIENT,
    NOT_A_CREDENTIAL,
    WRONG_CLIENT,
    assert_refused,
    with_hint,
)

Spoil = Callable[[str], str]
LINE_BREAK = "ends with a line break"
SPOILED: list[tuple[Spoil, str]] = [
    (lambda text: f"{text}\n", LINE_BREAK),
    (lambda text: f"{text}\r\n", LINE_BREAK),
    (lambda text: rf"{text}\n", LINE_BREAK),
    (lambda text: f'"{text}"', "is in quotation marks"),
    (lambda text: f"“{text}”\n", "is in quotation marks"),
    (lambda text: f"Bearer {text}", "begins with the word Bearer or Basic"),
    (lambda text: f"bearer: {text}\n", "begins with the word Bearer or Basic"),
    (lambda text: f"{text[:30]}\n{text[30:]}\n", "has spaces or line breaks"),
    (lambda text: f" {text}", "begins or ends with a space"),
    (lambda text: f"{text}%0A", "is URL-encoded"),
    (lambda text: f"{text}\u200b", "has an invisible character or one outside ASCII"),
]
CUT = "is cut off: its end is missing"
SPOILED_JWTS: list[tuple[Spoil, str]] = [
    *SPOILED,
    (lambda jwt: jwt[:-5], CUT),
    (lambda jwt: jwt.rpartition(".")[0], CUT),
    (lambda jwt: jwt[:100], CUT),
]
SPOILED_SECRETS: list[tuple[Spoil, str]] = [*SPOILED, (lambda secret: secret[:40], CUT)]


@pytest.mark.parametrize(("spoil", "damage"), SPOILED_JWTS)
def test_the_answer_to_a_damaged_jwt_says_how_it_looks(
    scene: Scene, sign_in: SignIn, spoil: Spoil, damage: str
) -> None:
    forged = f"{scene.jwt.rpartition('.')[0]}.{'A' * 86}"
    refusal = with_hint(NOT_A_CREDENTIAL, f"The assertion {damage}.")
    assert_refused(api.exchange(scene.app, spoil(forged)), 400, refusal)
    response = api.exchange(scene.app, spoil(scene.jwt))
    assert_refused(response, 400, refusal)
    assert recorded(response).message == refusal["error_description"]
    page = asked(sign_in(scene.rebels.luke), response)
    assert page.context["explanation"].headline == f"A JWT, a token, or a secret {damage}"
    [remedy] = [each.remedy for each in DAMAGES if each.predicate == damage]
    assert list(fixes(page)) == [f"Send it {remedy}."]


@pytest.mark.parametrize(("spoil", "damage"), SPOILED_SECRETS)
def test_the_answer_to_a_damaged_secret_says_how_it_looks(
    scene: Scene, sign_in: SignIn, spoil: Spoil, damage: str
) -> None:
    data = {"grant_type": api.GRANT_TYPE, "assertion": scene.jwt}
    refusal = with_hint(WRONG_CLIENT, f"The client secret {damage}.")
    unknown = {"client_id": "A" * 22, "client_secret": spoil(scene.app.secret)}
    assert_refused(api.post(data | unknown), 401, refusal)
    response = api.post(data | unknown | {"client_id": scene.app.client_id})
    assert_refused(response, 401, refusal)
    page = asked(sign_in(scene.rebels.luke), response)
    assert page.context["explanation"].headline == f"A JWT, a token, or a secret {damage}"


def test_the_line_break_that_echo_adds_before_base64_is_named(scene: Scene) -> None:
    data = {"grant_type": api.GRANT_TYPE, "assertion": scene.jwt}
    response = api.post(data, api.basic(scene.app.client_id, f"{scene.app.secret}\n"))
    assert_refused(response, 401, with_hint(WRONG_CLIENT, f"The client secret {LINE_BREAK}."))


def test_a_damaged_client_id_is_named_before_the_secret(scene: Scene) -> None:
    data = {"grant_type": api.GRANT_TYPE, "assertion": scene.jwt}
    response = api.post(data, api.basic(f"{scene.app.client_id}\n", f"{scene.app.secret}\n"))
    assert_refused(response, 401, with_hint(WRONG_CLIENT, f"The client ID {LINE_BREAK}."))


def test_a_damaged_refresh_token_is_named(scene: Scene) -> None:
    response = scene.refresh(f"{scene.tokens['refresh_token']}\n")
    expected = refresh_token_invalid().body
    assert_refused(response, 400, with_hint(expected, f"The refresh token {LINE_BREAK}."))


@pytest.mark.parametrize(
    ("authorization", "hint"),
    [
        (
            "Basic aWQ6c2Vj cmV0",
            "The base64 in the Authorization header has spaces or line breaks. Send it as one "
            "line.",
        ),
        (
            "aWQ6c2VjcmV0",
            "The Authorization header does not name its scheme. Begin it with Basic and a space.",
        ),
        ("Basic", ""),
        ("Digest username=x", ""),
    ],
)
def test_what_is_wrong_with_the_authorization_header_is_named(
    scene: Scene, authorization: str, hint: str
) -> None:
    data = {"grant_type": api.GRANT_TYPE, "assertion": scene.jwt}
    assert_refused(api.post(data, authorization), 401, with_hint(NO_CLIENT, hint))


@pytest.mark.parametrize(
    ("authorization", "code", "hint"),
    [
        ("{}", "OAU-123", "The Authorization header does not name its scheme. Begin it with "
                          "Bearer and a space."),
        ('Bearer "{}"', "OAU-149", "The access token is in quotation marks."),
        ("Bearer Bearer {}", "OAU-149", "The access token begins with the word Bearer or Basic."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_access_token_of_a_call_is_named(
    scene: Scene, authorization: str, code: str, hint: str
) -> None:
    header = authorization.format(scene.tokens["access_token"])
    response: Any = api.program().get(
        "/sandbox/restapi/v1.0/account/~", headers={"Authorization": header}
    )
    body = response.json()
    assert (response.status_code, body["errorCode"]) == (401, code)
    assert body["message"].endswith(f". {hint}")


def test_a_dry_run_says_that_the_text_ends_with_a_line_break(scene: Scene, sign_in: SignIn) -> None:
    def note(browser: Browser, jwt: str) -> str:
        page = browser.post(WHY, {"jwt": jwt, "client_id": scene.app.client_id})
        shown = page.context["dry_run"]
        assert shown.passes
        assert shown.note in page.content.decode()
        return str(shown.note)

    browser = sign_in(scene.rebels.luke)
    assert note(browser, scene.jwt) == ""
    assert note(browser, f"{scene.jwt}\r\n").startswith("The text that you pasted ends with a ")


@pytest.mark.parametrize("text", ["", " ", "\n", "garbage", "a.b.c", "cs_wrong", "x" * 100_000])
def test_other_texts_get_no_hint(text: str) -> None:
    assert damage_of(text) is None


@pytest.mark.parametrize("piece", ["\n", "\n ", "%", "%0", "eyJ", "eyJ.", "cs_", '"', "\\n", "a b"])
def test_no_text_takes_long(piece: str) -> None:
    began = time.monotonic()
    damage_of(piece * (10_000 // len(piece)))
    assert time.monotonic() - began < 1
