"""Anyone who finds a leaked JWT can revoke it and learns nothing else. Texts keep no secret."""

import base64
import json
import quopri
import re
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEvent, AuditKind
from core import leaks, raw_secrets, split_jwts
from credentials import throttle
from credentials.actions.applications import update_application
from credentials.actions.jwt_credentials import create_jwt_credential, update_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential, revoke_leaked_jwt_credential
from credentials.models import AppAccess, JwtCredential
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX
from tests.conftest import Rebels, SignIn
from tests.credentials.rotating import rotation_of
from tests.house.sources import ROOT

RECEIVED = {
    "message": "Thank you. We will revoke every valid JWT credential for this environment in your "
    "report and notify its owner."
}
NOTHING_FOUND = {
    "message": "We found no JWT in your report, so we revoked nothing. Send the whole JWT in "
    "token, as a form field or in JSON. The text around it can stay."
}
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"


def report(body: bytes, content_type: str, environment: str = "sandbox") -> Any:
    path = f"/{environment}/restapi/oauth/revoke-leaked"
    return api.program().generic("POST", path, body, CONTENT_TYPE=content_type)


def as_form(jwt: str) -> tuple[bytes, str]:
    return f"token={jwt}".encode(), api.FORM


def as_json(jwt: str) -> tuple[bytes, str]:
    return json.dumps({"token": jwt}).encode(), "application/json"


def as_batch(jwt: str) -> tuple[bytes, str]:
    """As scanning partners send it."""
    found = [{"token": "eyJ.nothing", "type": "x"}, {"token": jwt, "url": "https://example.com"}]
    return json.dumps(found).encode(), "application/json"


def as_batch_after_nonsense(jwt: str) -> tuple[bytes, str]:
    """After a string whose payload is nested so deeply that nothing could walk it."""
    nested = base64.urlsafe_b64encode(b'{"a":' + b"[" * 600 + b"]" * 600 + b"}").decode()
    header = jwt.partition(".")[0]
    found = [{"token": f"{header}.{nested.rstrip('=')}.c2lnbmF0dXJl"}, {"token": jwt}]
    return json.dumps(found).encode(), "application/json"


@pytest.mark.parametrize("form", [as_form, as_json, as_batch, as_batch_after_nonsense])
def test_a_genuine_credential_is_revoked_and_its_owner_gets_an_email(
    rebels: Rebels, form: Any
) -> None:
    credential = cast.credential(rebels.luke)
    app = api.app(rebels.luke)
    token = api.access_token(app, credential)
    mail.outbox.clear()
    answer = report(*form(credential.encode()))
    assert (answer.status_code, answer.json()) == (202, RECEIVED)
    assert answer["Cache-Control"] == "no-store"
    credential.refresh_from_db()
    assert (credential.revoked_by, credential.revoked_reason) == (None, "Reported as leaked")
    assert api.exchange(app, credential.encode()).json()["errors"][0]["errorCode"] == "JWT-102"
    assert api.call("GET", "/account/~", token).status_code == 401
    event = AuditEvent.objects.get(kind=AuditKind.JWT_CREDENTIAL_REPORTED)
    assert (event.actor, event.actor_label, event.ip) == (None, "A finder", "127.0.0.1")
    assert event.details == {"reason": "Reported as leaked"}
    assert event.target_id == str(credential.pk)


def test_revoking_a_leaked_replacement_keeps_the_old_credential(rebels: Rebels) -> None:
    app, old = api.app(rebels.luke), cast.credential(rebels.luke)
    rotation = rotation_of(old)
    revoke_leaked_jwt_credential(rotation.replacement, origin=cast.ORIGIN)
    assert api.exchange(app, rotation.replacement.encode()).status_code == 400
    old.refresh_from_db()
    assert old.superseded_at is None
    assert api.exchange(app, old.encode()).status_code == 200
    undone = AuditEvent.objects.get(kind=AuditKind.JWT_CREDENTIAL_ROTATION_UNDONE)
    assert (undone.actor, undone.actor_label, undone.target_id) == (None, "A finder", str(old.pk))


def test_the_email_about_a_leak_says_what_happened(
    rebels: Rebels, django_capture_on_commit_callbacks: Any
) -> None:
    credential = cast.credential(rebels.luke)
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        report(*as_form(credential.encode()))
    [sent] = mail.outbox
    assert sent.to == [rebels.luke.user.email]
    assert sent.subject == f"Leaked and revoked: your sandbox JWT credential {credential.label}"
    assert "Reported from:  127.0.0.1" in sent.body
    assert "What to do now" in sent.body
    assert "eyJ" not in sent.body


def everything_else(rebels: Rebels) -> list[tuple[bytes, str]]:
    revoked, expired = cast.credential(rebels.luke), cast.credential(rebels.luke)
    revoke_jwt_credential(revoked, reason="over", actor=rebels.luke.user, origin=cast.ORIGIN)
    JwtCredential.objects.filter(pk=expired.pk).update(
        issued_at=api.long_ago(), expires_at=timezone.now().replace(microsecond=0)
    )
    expired.refresh_from_db()
    other = cast.credential(rebels.luke, environment=PRODUCTION)
    token = api.access_token(api.app(rebels.luke), cast.credential(rebels.luke))
    return [
        as_form(revoked.encode()),
        as_form(expired.encode()),
        as_form(other.encode()),
        as_form(token),
        as_form("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.AAAA"),
        as_form("\n".join(textwrap.wrap(other.encode(), 76))),
    ]


UNREADABLE = [
    as_form(""),
    as_form("nothing"),
    (b"", api.FORM),
    (b"{", "application/json"),
    (b"[1, null, {}]", "application/json"),
    (b"[" * 100_000, "application/json"),
    ('{"token": "eyJ.eyJ.x"}'.encode("utf-16"), "application/json"),
    (b"\xff\x00", "text/plain"),
    (b"token=" + b"x" * 300_000, api.FORM),
]


def test_every_report_of_a_jwt_gets_the_same_answer(rebels: Rebels) -> None:
    reports = everything_else(rebels)
    before = AuditEvent.objects.count()
    answers = [report(*presented) for presented in reports]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (202, json.dumps(RECEIVED).encode())
    }
    assert AuditEvent.objects.count() == before
    assert not JwtCredential.objects.filter(revoked_reason="Reported as leaked").exists()


def test_a_report_without_a_jwt_says_so(db: None) -> None:
    answers = [report(*presented) for presented in UNREADABLE]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (202, json.dumps(NOTHING_FOUND).encode())
    }


def wrapped(jwt: str) -> list[str]:
    return textwrap.wrap(jwt, 76, break_on_hyphens=False)


SPLIT: dict[str, Callable[[str], str]] = {
    "wrapped": lambda jwt: "Found:\r\n" + "\r\n".join(wrapped(jwt)) + "\r\nBye",
    "quoted in a reply": lambda jwt: "\n".join(f"> > {line}" for line in wrapped(jwt)),
    "quoted-printable": lambda jwt: quopri.encodestring(f"JWT={jwt} ü".encode()).decode(),
    "an added file": lambda jwt: "\n".join(f"+{line}" for line in wrapped(jwt)),
    "a deleted file": lambda jwt: "\n".join(f"-{line}" for line in wrapped(jwt)),
    "Python": lambda jwt: "jwt = (\n" + "\n".join(f"    '{each}'" for each in wrapped(jwt)) + ")",
    "JavaScript": lambda jwt: "const jwt = " + " +\n  ".join(map(json.dumps, wrapped(jwt))),
    "added JavaScript": lambda jwt: " +\n+  ".join(map(json.dumps, wrapped(jwt))),
    "several statements": lambda jwt: "\n".join(f'jwt .= "{each}";' for each in wrapped(jwt)),
    "a shell script": lambda jwt: "\\\n".join(wrapped(jwt)),
    "escaped line breaks": lambda jwt: json.dumps("\n".join(wrapped(jwt))),
}


@pytest.mark.parametrize("split", SPLIT)
def test_a_jwt_in_pieces_is_revoked(rebels: Rebels, split: str) -> None:
    credential, another = cast.credential(rebels.luke), cast.credential(rebels.luke)
    text = "\n".join(SPLIT[split](each.encode()) for each in (credential, another))
    body, content_type = urlencode({"token": text}).encode(), api.FORM
    assert report(body, content_type).json() == RECEIVED
    for each in (credential, another):
        each.refresh_from_db()
        assert each.revoked_reason == "Reported as leaked"


def test_the_pieces_are_found_by_the_beginning_of_every_jwt(rebels: Rebels) -> None:
    assert cast.credential(rebels.luke).encode().startswith(split_jwts.BEGINNING)


def test_a_report_that_revokes_nothing_takes_as_many_queries(rebels: Rebels) -> None:
    """The time of the answer tells no more than its text."""
    genuine = cast.credential(rebels.luke).encode()
    header, payload, signature = genuine.split(".")
    forged = f"{header}.{payload}.{signature[:-4]}AAAA"
    kid = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": "x" * 43}).encode())
    unknown = f"{kid.decode().rstrip('=')}.{payload}.{signature}"
    revoked = cast.credential(rebels.luke)
    revoke_jwt_credential(revoked, reason="over", actor=rebels.luke.user, origin=cast.ORIGIN)
    expired = cast.credential(rebels.luke)
    JwtCredential.objects.filter(pk=expired.pk).update(
        issued_at=api.long_ago(), expires_at=timezone.now().replace(microsecond=0)
    )
    expired.refresh_from_db()
    other = cast.credential(rebels.luke, environment=PRODUCTION)
    statements = {}
    for name, jwt in {
        "forged": forged,
        "unknown": unknown,
        "revoked": revoked.encode(),
        "expired": expired.encode(),
        "of the other environment": other.encode(),
    }.items():
        with CaptureQueriesContext(connection) as queries:
            report(*as_form(jwt))
        statements[name] = len(queries)
    assert set(statements.values()) == {2}, statements
    assert JwtCredential.objects.filter(revoked_reason="Reported as leaked").count() == 0


def test_reports_are_limited_by_address(settings: Settings, db: None) -> None:
    settings.RATE_LIMITS = {"Auth": (2, 60)}
    throttle.limiter.cache_clear()
    answers = [report(*as_form("x")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["errors"][0]["errorCode"] == "CMN-301"
    assert int(answers[2]["Retry-After"]) > 0
    page = Browser().post("/report-leaked", {"token": "x"})
    assert (page.status_code, page["X-Rate-Limit-Remaining"]) == (429, "0")


def test_the_metadata_has_the_revocation_endpoint_for_leaks(db: None) -> None:
    document = api.program().get("/sandbox/.well-known/oauth-authorization-server").json()
    assert document["revoke_leaked_endpoint"] == (
        "http://localhost:8000/sandbox/restapi/oauth/revoke-leaked"
    )


# --- The page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
def test_the_report_page_revokes_in_either_environment(rebels: Rebels, environment: Any) -> None:
    credential = cast.credential(rebels.luke, environment=environment)
    jwt = credential.encode()
    page = Browser().post("/report-leaked", {"token": f"export JWT={jwt}\n"})
    forged = Browser().post("/report-leaked", {"token": f"{jwt[:-8]}AAAAAAAA"})
    assert page.status_code == 202
    assert page.content == forged.content
    assert "no-store" in page["Cache-Control"]
    assert credential.encode() not in page.content.decode()
    credential.refresh_from_db()
    assert credential.revoked_reason == "Reported as leaked"


def test_the_report_page_says_that_it_found_nothing(db: None) -> None:
    page = Browser().post("/report-leaked", {"token": "not here"})
    assert page.status_code == 202
    text = page.content.decode()
    assert "We found no JWT in this text, so we revoked nothing." in text
    assert 'aria-invalid="true"' in text
    assert "not here" not in text


def test_the_report_page_refuses_other_forms(db: None) -> None:
    browser = Browser(enforce_csrf_checks=True)
    assert browser.post("/report-leaked", {"token": "x"}).status_code == 403
    page = browser.get("/report-leaked")
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    assert found is not None
    sent = {"token": "x", "csrfmiddlewaretoken": found[1]}
    assert browser.post("/report-leaked", sent).status_code == 202


@pytest.mark.parametrize("where", ["/report-leaked", "/sandbox/restapi/oauth/revoke-leaked"])
def test_addresses_of_one_network_share_the_limit_of_reports(
    settings: Settings, db: None, where: str
) -> None:
    settings.RATE_LIMITS = {"Auth": (2, 60)}
    throttle.limiter.cache_clear()
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]
    answers = [
        Browser().post(where, {"token": "x"}, REMOTE_ADDR=address).status_code
        for address in addresses
    ]
    assert answers == [202, 202, 429, 202]


def test_the_credential_page_says_that_it_was_reported_as_leaked(
    rebels: Rebels, sign_in: SignIn
) -> None:
    credential = cast.credential(rebels.luke)
    report(*as_form(credential.encode()))
    browser = sign_in(rebels.luke)
    page = browser.get(f"/console/my-credentials/{credential.pk}").content.decode()
    assert "reported its JWT as leaked" in page
    assert "A finder" in page
    assert "Revoked: reported as leaked" in browser.get("/console/my-credentials").content.decode()


# --- What texts must not hold ---------------------------------------------------------------------


def secrets_of(rebels: Rebels) -> list[str]:
    return [
        cast.credential(rebels.luke).encode(),
        cast.credential(rebels.luke).encode()[:200],
        raw_secrets.generate("cs_"),
        raw_secrets.generate("rt_"),
        "cs_" + "a" * 43,
        PEM,
    ]


def test_which_texts_count_as_secrets(rebels: Rebels) -> None:
    for secret in secrets_of(rebels):
        assert leaks.holds_secret(f"for the agency: {secret}")
        assert leaks.without_secrets(f"before {secret} after") == "before  after"
    for text in ("Nightly import", "cs_short", "eyJ", "a.b.c", "https://example.com/a.b.c", ""):
        assert not leaks.holds_secret(text)


def test_a_secret_is_found_anywhere_in_a_text(rebels: Rebels) -> None:
    jwt = cast.credential(rebels.luke).encode()
    for before, after in ((r'"\n', '"'), ("JWT_", " x"), ("eyJ.x ", " eyJ"), (f"{PEM}\n", "\n")):
        assert leaks.holds_secret(f"{before}{jwt}{after}")
        assert jwt not in leaks.without_secrets(f"{before}{jwt}{after}")
        assert leaks.jwts_in(f"{before}{jwt}{after}") == [jwt]
    assert leaks.without_secrets(f"{PEM}{jwt}") == ""
    assert leaks.without_secrets(f"JWT_{jwt} and more") == "JWT_ and more"


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "eyJa.",
        "eyJaaaaaaaa.",
        "a.",
        "cs_",
        "inv_rt_",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-",
        split_jwts.BEGINNING,
        f"{split_jwts.BEGINNING}{'a' * 40}.{'b' * 4000}",
        "=\n",
        "=41",
        "\\n",
        "\n-> ",
        "\"'`",
    ],
)
def test_no_text_takes_long_to_scan(piece: str) -> None:
    """The longest possible text. A slow pattern would take a minute and block other requests."""
    text = piece * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE // len(piece))
    began = time.monotonic()
    leaks.holds_secret(text)
    leaks.without_secrets(text)
    leaks.jwts_in(text)
    assert time.monotonic() - began < 5


def test_actions_refuse_secrets(rebels: Rebels) -> None:
    credential, application = cast.credential(rebels.luke), cast.application(rebels.luke)
    by_luke: dict[str, Any] = {"actor": rebels.luke.user, "origin": cast.ORIGIN}
    secret = raw_secrets.generate("cs_")
    what: dict[str, Any] = {
        "app_access": AppAccess.ORGANIZATION,
        "client_ids": [],
        "ceiling": None,
    }
    acts: list[Callable[[], Any]] = [
        lambda: create_jwt_credential(
            rebels.luke, environment=SANDBOX, label=secret, expires_on=None, **what, **by_luke
        ),
        lambda: update_jwt_credential(credential, label=secret, **what, **by_luke),
        lambda: revoke_jwt_credential(credential, reason=secret, **by_luke),
        lambda: update_application(
            application,
            name="Dialer",
            description=secret,
            is_public=False,
            scopes=[],
            uses_jwt_flow=True,
            issues_refresh_tokens=False,
            **by_luke,
        ),
    ]
    before = AuditEvent.objects.count()
    for act in acts:
        with pytest.raises(ValidationError) as refused:
            act()
        assert secret not in str(refused.value)
    assert AuditEvent.objects.count() == before


def test_a_form_refuses_a_secret_keeps_the_rest_and_does_not_show_it(
    rebels: Rebels, sign_in: SignIn
) -> None:
    secret = raw_secrets.generate("cs_")
    fields = {
        "label": f"agency {secret}",
        "environment": "sandbox",
        "app_access": "organization",
        "expires_on": "2031-05-06",
        "submission_key": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    }
    page = sign_in(rebels.luke).post("/console/my-credentials/create", fields)
    text = page.content.decode()
    assert page.status_code == 200
    assert "This looks like a secret" in text
    assert secret not in text
    assert 'value="agency "' in text
    assert 'value="2031-05-06"' in text


# --- The form of secrets --------------------------------------------------------------------------


def is_well_formed(secret: str) -> bool:
    """Whether the checksum is right, which are the last six characters."""
    return raw_secrets.with_checksum(secret[:-6]) == secret


def test_secrets_carry_a_checksum(rebels: Rebels) -> None:
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    answer = api.exchange(app, cast.credential(rebels.luke).encode()).json()
    again = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    successor = api.post(again, app.authorization).json()["refresh_token"]
    for secret, prefix in (
        (app.secret, "cs_"),
        (answer["refresh_token"], "rt_"),
        (successor, "rt_"),
    ):
        assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{49}", secret)
        assert is_well_formed(secret)
        other = "B" if secret[-8] == "A" else "A"
        assert not is_well_formed(secret[:-8] + other + secret[-7:])


def test_a_secret_from_before_the_checksum_still_works(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    old = "cs_" + "o" * 43
    app.client.secret_digest = raw_secrets.digest(old)
    app.client.save(update_fields=["secret_digest"])
    assert not is_well_formed(old)
    answer = api.exchange(
        api.App(app.application, app.client, old), cast.credential(rebels.luke).encode()
    )
    assert answer.status_code == 200


def test_the_snippet_in_the_docs_finds_only_our_secrets(rebels: Rebels) -> None:
    text = (ROOT / Path("docs/how-to/detect-leaks.md")).read_text()
    [snippet] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(snippet, namespace)  # noqa: S102 - the documentation's own code
    secret, token = raw_secrets.generate("cs_"), raw_secrets.generate("rt_")
    credential = cast.credential(rebels.luke)
    access_token = api.access_token(api.app(rebels.luke), credential)
    file = f"A={secret}\nB: '{token}'\nC {credential.encode()}\nD {access_token}\ncs_{'x' * 49}\n"
    issuers = ["http://localhost:8000/sandbox"]
    assert namespace["leaked"](file, issuers) == [secret, token, credential.encode()]
    [beginning] = re.findall(r"begin with `(eyJ\w+)`", text)
    assert credential.encode().startswith(beginning)
    assert namespace["leaked"](file, ["https://elsewhere.example.com"]) == [secret, token]


def test_the_patterns_in_the_docs_match_what_we_issue(rebels: Rebels) -> None:
    text = (ROOT / Path("docs/how-to/detect-leaks.md")).read_text()
    patterns = dict(re.findall(r"^\| ([a-zA-Z ]+) \| `([^`]+)` \|", text, re.MULTILINE))
    app = api.app(rebels.luke, issues_refresh_tokens=True)
    jwt = cast.credential(rebels.luke).encode()
    issued = {
        "client secret": app.secret,
        "refresh token": api.exchange(app, jwt).json()["refresh_token"],
        "JWT credential": jwt,
    }
    assert patterns.keys() == issued.keys()
    for name, secret in issued.items():
        matching = {other for other in patterns if re.fullmatch(patterns[other], secret)}
        assert matching == {name}
        # Within a line of a file, after a quotation mark, as in a URL.
        found = re.search(patterns[name], f'export KEY="{secret}"; curl https://x/?a={secret}')
        assert found
        assert found[0] == secret
