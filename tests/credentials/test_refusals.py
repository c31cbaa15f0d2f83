"""A background thread records every refusal of both APIs, without secrets."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent
from core.background import BackgroundWriter
from credentials.actions.refusals import forget_old_refusals
from credentials.models import JwtCredential, Refusal
from credentials.oauth import refusal_log as refusals
from tests import api
from tests.api import App
from tests.credentials.refusing import recorded, refused

pytestmark = pytest.mark.both_databases


def row(refusal: Refusal) -> dict[str, Any]:
    """Every column but the key, the time and the request id."""
    return {
        field.attname: getattr(refusal, field.attname)
        for field in Refusal._meta.concrete_fields
        if field.attname not in {"id", "at", "request_id"}
    }


def test_a_refused_exchange_is_a_whole_row(app: App, credential: JwtCredential) -> None:
    jwt = credential.encode()
    JwtCredential.objects.update(expires_at=timezone.now() - timedelta(days=1))
    before = timezone.now()
    response = api.post(
        {"grant_type": api.GRANT_TYPE, "assertion": api.signed(expired(credential).claims)},
        app.authorization,
        REMOTE_ADDR="192.0.2.7",
    )
    assert response.status_code == 400
    assert not Refusal.objects.exists()
    refusal = recorded(response)
    assert before <= refusal.at <= timezone.now()
    assert row(refusal) == {
        "environment": "sandbox",
        "what": "exchange",
        "method": "POST",
        "path": "/restapi/oauth/token",
        "status": 400,
        "error": "invalid_grant",
        "code": "JWT-103",
        "message": "This credential has expired. Use another credential.",
        "check_name": "expiry",
        "reason": "",
        "presented_client_id": app.client_id,
        "client_id": app.client.pk,
        "is_authentic": True,
        "credential_id": credential.pk,
        "api": "",
        "operation": "",
        "missing": "",
        "address": "192.0.2.7",
    }
    assert jwt not in str(row(refusal))


def expired(credential: JwtCredential) -> JwtCredential:
    return JwtCredential.objects.select_related("extension", "signing_key").get(pk=credential.pk)


def test_a_refused_call_is_a_whole_row(app: App, credential: JwtCredential) -> None:
    token = api.access_token(app, credential)
    path = "/account/~/business-address?secret=in-the-query"
    response = api.call("PUT", path, token, {"company": "Empire"})
    assert response.status_code == 403
    assert row(recorded(response)) == {
        "environment": "sandbox",
        "what": "call",
        "method": "PUT",
        "path": "/restapi/v1.0/account/{accountId}/business-address",
        "status": 403,
        "error": "",
        "code": "CMN-408",
        "message": response.json()["message"],
        "check_name": "permission",
        "reason": "",
        "presented_client_id": app.client_id,
        "client_id": app.client.pk,
        "is_authentic": True,
        "credential_id": credential.pk,
        "api": "",
        "operation": "put-business-address",
        "missing": "EditCompanyInfo",
        "address": "127.0.0.1",
    }


def secrets_of(app: App, credential: JwtCredential) -> list[str]:
    issued = api.exchange(app, credential.encode()).json()
    return [app.secret, credential.encode(), issued["access_token"], issued["refresh_token"]]


def test_no_column_ever_holds_a_secret(app: App, credential: JwtCredential) -> None:
    """Sends each secret in each place where a person could put it by mistake."""
    for secret in secrets_of(app, credential):
        form = {"grant_type": api.GRANT_TYPE, "assertion": secret}
        api.post(form | {"scope": secret}, app.authorization)
        api.post(form | {"grant_type": secret}, app.authorization)
        api.post({"grant_type": api.GRANT_TYPE, "assertion": secret + "x"}, app.authorization)
        api.post({"grant_type": "refresh_token", "refresh_token": secret + "x"}, app.authorization)
        api.post(form, api.basic(secret, secret))
        api.post(form | {"client_id": secret, "client_secret": secret})
        api.post(form, app.authorization, query=f"?assertion={secret}")
        good = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
        api.post(good | {"scope": secret}, app.authorization)
        api.call("GET", f"/account/~?access_token={secret}")
        api.call("GET", "/account/~", secret + "x")
        api.call("GET", f"/account/{secret}/business-address", secret[:-1])
        api.call("GET", "/account/~", HTTP_AUTHORIZATION=f"Basic {secret}")
    BackgroundWriter.flush_all()
    assert Refusal.objects.count() > 40
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Refusal._meta.db_table}")  # noqa: S608 - our table
        rows = str(cursor.fetchall())
    for secret in secrets_of(app, credential):
        assert secret not in rows
        # Parts of secrets count as well, except for the header, which all JWTs share.
        assert secret[-20:] not in rows


def test_a_malformed_client_id_is_not_recorded(app: App) -> None:
    for presented in ("not a client id", "cs_" + "a" * 43, app.secret, "a\x00b", "ä" * 22):
        response = api.post({"grant_type": api.GRANT_TYPE, "assertion": "x",
                             "client_id": presented, "client_secret": "y"})  # fmt: skip
        assert response.status_code == 401
        assert recorded(response).presented_client_id == ""


def test_success_makes_no_row_and_no_statement(app: App, credential: JwtCredential) -> None:
    jwt = credential.encode()
    api.exchange(app, jwt)
    BackgroundWriter.flush_all()
    with CaptureQueriesContext(connection) as queries:
        response = api.exchange(app, jwt)
        api.call("GET", "/account/~", response.json()["access_token"])
    assert not [query for query in queries if "refusal" in query["sql"]]
    assert refusals.writer.flush() == 0
    assert not Refusal.objects.exists()


def test_a_refusal_waits_for_no_statement(app: App) -> None:
    with CaptureQueriesContext(connection) as queries:
        api.exchange(app, "no.jwt.atall")
    assert not [query for query in queries if "refusal" in query["sql"]]


def test_a_refusal_writes_no_audit_event(app: App) -> None:
    before = AuditEvent.objects.count()
    recorded(api.exchange(app, "no.jwt.atall"))
    assert AuditEvent.objects.count() == before


@pytest.mark.usefixtures("rebels")
def test_requests_without_authentication_add_only_a_few_rows(app: App) -> None:
    for _ in range(refusals.ANONYMOUS_PER_ADDRESS + 7):
        assert api.post({}, REMOTE_ADDR="192.0.2.1").status_code == 400
    assert api.post({}, REMOTE_ADDR="192.0.2.2").status_code == 400
    # A caller that proves to be a client is not limited.
    assert api.exchange(app, "x", REMOTE_ADDR="192.0.2.1").status_code == 400
    BackgroundWriter.flush_all()
    found = Refusal.objects.filter(address="192.0.2.1")
    assert found.filter(is_authentic=False).count() == refusals.ANONYMOUS_PER_ADDRESS
    assert Refusal.objects.filter(address="192.0.2.2").count() == 1
    assert refusals.anonymous_cap.refused == 7


def test_the_cap_is_per_minute_and_network_and_in_all() -> None:
    cap = refusals.AnonymousCap(per_address=2, in_all=5)

    def allowed(address: str | None, minute: int = 0) -> bool:
        return cap.allows(address, minute=minute)

    assert [allowed("2001:db8::1"), allowed("2001:db8::2"), allowed("2001:db8::3")] == [
        True, True, False,
    ]  # fmt: skip
    assert allowed("2001:db8:0:1::1")
    assert [allowed("not an address"), allowed(None), allowed("192.0.2.1")] == [True, True, False]
    assert cap.refused == 2
    assert allowed("2001:db8::3", minute=1)


def test_a_full_queue_slows_and_fails_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals.writer, "_capacity", 2)
    answers = [api.exchange(app, "no.jwt.atall").status_code for _ in range(5)]
    assert answers == [400] * 5
    assert refusals.writer.dropped == 3
    with structlog.testing.capture_logs() as logs:
        BackgroundWriter.flush_all()
        api.exchange(app, "no.jwt.atall")
        BackgroundWriter.flush_all()
    assert Refusal.objects.count() == 3
    assert [log for log in logs if log["log_level"] == "warning"] == [
        {"event": "refusals_not_recorded", "dropped": 3, "capped": 0, "log_level": "warning"}
    ]


def test_answers_do_not_fail_while_the_database_is_away(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(batch: object) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as outage:
        outage.setattr(refusals.writer, "_write", away)
        assert api.exchange(app, "no.jwt.atall").status_code == 400
        BackgroundWriter.flush_all()
    assert not Refusal.objects.exists()
    assert refusals.writer.waiting == 1
    BackgroundWriter.flush_all()
    assert Refusal.objects.get().code == "JWT-101"
    assert refusals.writer.dropped == 0


def test_an_error_while_recording_a_refusal_does_not_change_the_answer(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(refusals, "_template", broken)
    with structlog.testing.capture_logs() as logs:
        response = api.exchange(app, "no.jwt.atall")
    assert response.json()["errors"][0]["errorCode"] == "JWT-101"
    assert "refusal_not_noted" in [log["event"] for log in logs]


def test_a_batch_of_refusals_takes_one_insert(app: App, credential: JwtCredential) -> None:
    for _ in range(30):
        api.exchange(app, credential.encode(), scope="Nothing")
    with CaptureQueriesContext(connection) as queries:
        BackgroundWriter.flush_all()
    statements = [query["sql"].split()[0] for query in queries]
    assert statements.count("INSERT") == 1
    assert statements.count("SELECT") == 3
    assert statements.count("UPDATE") == 1
    assert Refusal.objects.filter(credential=credential, client=app.client).count() == 30


def test_refused_often_lasts_until_a_week_after_the_tenth_last_refusal(
    app: App, credential: JwtCredential
) -> None:
    def refuse(times: int) -> datetime | None:
        for _ in range(times):
            api.exchange(app, credential.encode(), scope="Nothing")
        BackgroundWriter.flush_all()
        return JwtCredential.objects.get().refused_often_until

    assert refuse(9) is None
    first = Refusal.objects.order_by("id")[0]
    assert refuse(1) == first.at + timedelta(days=7)


def test_refused_often_is_updated_at_most_once_an_hour(app: App, credential: JwtCredential) -> None:
    """A credential that is refused every second must not be written every second."""
    refused(credential, times=10, days_ago=1)
    before = JwtCredential.objects.get().refused_often_until
    assert before is not None
    refused(credential, times=10, days_ago=1 - 0.9 / 24)
    assert JwtCredential.objects.get().refused_often_until == before
    refused(credential, times=10, days_ago=1 - 1.1 / 24)
    after = JwtCredential.objects.get().refused_often_until
    assert after is not None
    assert timedelta(hours=1) < after - before < timedelta(hours=1.2)


def test_an_unknown_credential_does_not_lose_a_batch(app: App) -> None:
    """After a restored backup, we may have signed credentials that have no row."""
    claims = {
        "iss": "http://localhost:8000/production",
        "aud": "http://localhost:8000/production/restapi/oauth/token",
        "jti": "11111111-1111-4111-8111-111111111111",
    }
    jwt = api.signed(claims, environment=api.PRODUCTION)
    response = api.exchange(app, jwt)
    assert response.json()["errors"][0]["errorCode"] == "JWT-104"
    assert recorded(response).credential_id is None


def test_refusals_are_removed_after_fourteen_days(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (recorded(api.exchange(app, "no.jwt.atall")) for _ in range(2))
    Refusal.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=14, seconds=1))
    Refusal.objects.filter(pk=new.pk).update(at=timezone.now() - timedelta(days=13, hours=23))
    call_command("tick", "--dry-run")
    assert "Old refusals: 1 due." in capsys.readouterr().out
    assert Refusal.objects.count() == 2
    call_command("tick")
    assert "Old refusals: 1 removed." in capsys.readouterr().out
    assert list(Refusal.objects.all()) == [new]
    assert forget_old_refusals() == 0


def test_many_threads_at_once_lose_nothing(app: App) -> None:
    cap = refusals.AnonymousCap(per_address=1_000, in_all=100)
    allowed: list[bool] = []

    def ask() -> None:
        allowed.extend(cap.allows("192.0.2.1", minute=0) for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 100
    assert cap.refused == 100
