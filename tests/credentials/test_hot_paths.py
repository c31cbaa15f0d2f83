"""The statements that each request of a program takes, and the columns that they read."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from accounts.models import Extension, User
from core.immutable import frozen
from core.postgresql import statements
from core.postgresql.prepared import Statements
from core.postgresql.statements import Columns, JoinedSelect
from credentials import jose
from credentials.actions.clients import mark_resource_server, suspend_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.signing_keys import distrust_signing_key, rotate_signing_key
from credentials.models import ExchangeUsage, JwtCredential, Policy, RefreshToken, SigningKey, usage
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth import lookup
from tests import api, cast
from tests.conftest import Rebels
from tests.credentials.gateways import Shop, ask

pytestmark = pytest.mark.both_databases

SANDBOX = api.SANDBOX


@contextmanager
def statements_at_most(count: int, *, writes: int = 0) -> Iterator[None]:
    """No more than so many, and exactly so many of them change rows."""
    with CaptureQueriesContext(connection) as queries:
        yield
    said = [query["sql"] for query in queries]
    assert len(said) <= count, said
    changing = [sql for sql in said if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(changing) == writes, said


@pytest.fixture
def app(rebels: Rebels) -> api.App:
    return api.app(rebels.luke, scopes=["ReadAccounts"])


@pytest.fixture
def refreshing(rebels: Rebels) -> api.App:
    return api.app(rebels.luke, name="Refresher", issues_refresh_tokens=True)


@pytest.fixture
def token(app: api.App, credential: JwtCredential) -> str:
    """Makes the keys as well, which the first exchange ever does."""
    return api.access_token(app, credential)


def test_an_exchange_takes_two_statements(
    app: api.App, credential: JwtCredential, token: str
) -> None:
    jwt = credential.encode()
    with statements_at_most(2, writes=1):
        assert api.exchange(app, jwt).status_code == 200


def test_the_first_exchange_of_a_day_takes_two_statements(
    rebels: Rebels, app: api.App, credential: JwtCredential, token: str
) -> None:
    jwt = cast.credential(rebels.luke, label="Another").encode()
    with statements_at_most(2, writes=1):
        assert api.exchange(app, jwt).status_code == 200


def test_an_exchange_with_a_list_of_apps_takes_two_statements(
    rebels: Rebels, app: api.App, token: str
) -> None:
    jwt = cast.credential(rebels.luke, clients=[app.client]).encode()
    with statements_at_most(2, writes=1):
        assert api.exchange(app, jwt).status_code == 200


def test_a_refresh_token_takes_one_statement_more(
    refreshing: api.App, credential: JwtCredential, token: str
) -> None:
    jwt = credential.encode()
    with statements_at_most(3, writes=2):
        assert "refresh_token" in api.exchange(refreshing, jwt).json()


def test_a_refresh_takes_four_statements(refreshing: api.App, credential: JwtCredential) -> None:
    """One reads, two rotate the token in a transaction, and one counts."""
    refresh_token = api.exchange(refreshing, credential.encode()).json()["refresh_token"]
    body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    in_a_test = 2  # A savepoint replaces the transaction.
    with statements_at_most(4 + in_a_test, writes=3):
        assert api.post(body, refreshing.authorization).status_code == 200


@pytest.mark.parametrize(
    "path", ["/account/~", "/account/~/business-address", "/account/~/extension/~"]
)
def test_a_call_takes_one_statement(path: str, token: str) -> None:
    with statements_at_most(1):
        assert api.call("GET", path, token).status_code == 200


def test_verify_takes_one_statement(token: str) -> None:
    with statements_at_most(1):
        assert verify(token).status_code == 204


@pytest.mark.parametrize("call", ["GET /orders/17", "POST /orders/17/refunds", "GET //orders"])
def test_a_decision_for_a_gateway_takes_one_statement(shop: Shop, call: str) -> None:
    """Even if the gateway authenticates, and if the answer is no."""
    token = shop.token()
    gateway = api.app(shop.rebels.leia, name="Gateway", scopes=[])
    mark_resource_server(gateway.client, marked=True, origin=cast.ORIGIN)
    for headers in ({}, {"Proxy-Authorization": gateway.authorization}):
        with statements_at_most(1):
            assert ask(call, token, headers=headers).status_code in (204, 403)
    with statements_at_most(0):
        assert ask("GET /status", token).status_code == 204


def test_introspection_takes_one_statement(app: api.App, token: str) -> None:
    """It reads the client that asks, and what the token names."""
    with statements_at_most(1):
        assert introspect(app, token).json()["active"]


def test_a_resource_server_asks_about_the_token_of_another(
    rebels: Rebels, token: str, app: api.App
) -> None:
    asking = api.app(rebels.leia, name="Resource server")
    mark_resource_server(asking.client, marked=True, origin=cast.ORIGIN)
    with statements_at_most(1):
        body = introspect(asking, token).json()
    assert (body["active"], body["client_id"]) == (True, app.client_id)


def test_introspection_of_a_refresh_token_takes_one_statement(
    refreshing: api.App, credential: JwtCredential
) -> None:
    refresh_token = api.exchange(refreshing, credential.encode()).json()["refresh_token"]
    with statements_at_most(1):
        assert introspect(refreshing, refresh_token).json()["active"]


def test_a_refusal_takes_no_further_statement(
    app: api.App, credential: JwtCredential, token: str
) -> None:
    revoke_jwt_credential(credential, reason="", actor=credential.created_by, origin=cast.ORIGIN)
    jwt = credential.encode()
    with statements_at_most(1):
        assert api.exchange(app, jwt).json()["errors"][0]["errorCode"] == "JWT-102"
    with statements_at_most(1):
        assert api.call("GET", "/account/~", token).json()["errorCode"] == "OAU-213"


def verify(token: str) -> Any:
    return api.program().get(
        f"/{SANDBOX}/restapi/oauth/verify", HTTP_AUTHORIZATION=f"Bearer {token}"
    )


def introspect(app: api.App, token: str) -> Any:
    return api.program().post(
        f"/{SANDBOX}/restapi/oauth/introspect",
        f"token={token}",
        content_type=api.FORM,
        HTTP_AUTHORIZATION=app.authorization,
    )


# --- What is read is what the models say ----------------------------------------------------------


def test_every_part_is_as_the_orm_reads_it(
    rebels: Rebels, app: api.App, refreshing: api.App, credential: JwtCredential
) -> None:
    Policy.objects.create(
        organization=rebels.organization,
        environment=SANDBOX,
        max_lifetime_days=99_999,
        allowed_networks=["127.0.0.0/8"],
    )
    JwtCredential.objects.filter(pk=credential.pk).update(allowed_networks=["127.0.0.0/9"])
    raw = api.exchange(refreshing, credential.encode()).json()["refresh_token"]
    row = RefreshToken.objects.with_token(raw).get()
    found = [
        lookup.look_up_exchange(app.client_id, str(credential.pk)),
        lookup.look_up_refresh(refreshing.client_id, row.token_digest),
        lookup.look_up_call(names(app, credential)),
        lookup.look_up_question(refreshing.client_id, names(app, credential))[1],
    ]
    asking, _ = lookup.look_up_question(refreshing.client_id, names(app, credential))
    assert asking.client is not None
    assert_read(asking.client)
    assert asking.client == refreshing.client
    for one in found:
        assert one.client is not None
        assert one.credential is not None
        assert_read(one.client, one.client.application)
        extension = one.credential.extension
        assert_read(
            one.credential,
            one.policy,
            extension,
            extension.account,
            extension.user,
            extension.user.membership,
        )
        assert not one.session_has_ended
    exchange, refresh, call, question = found
    assert exchange.key is not None
    assert exchange.signing_key is not None
    assert refresh.refresh_token is not None
    assert call.key is not None
    assert question.key == call.key
    assert question.client == call.client == app.client
    assert_read(exchange.key, exchange.signing_key, refresh.refresh_token, call.key)
    assert exchange.key.kid == credential.signing_key_id
    assert exchange.signing_key == refresh.signing_key == call.key == current_key()


def names(app: api.App, credential: JwtCredential) -> jose.ParsedToken:
    return unverified(current_key().kid, app.client_id, str(credential.pk), str(uuid4()))


def unverified(kid: str, client_id: str, credential_id: str, session_id: str) -> jose.ParsedToken:
    claims = {"client_id": client_id, "credential_id": credential_id, "sid": session_id}
    return jose.ParsedToken(b"", frozen({"kid": kid}), frozen(claims), b"", b"")


def assert_read(*rows: Model) -> None:
    """The fields that were read equal those of the complete row, in value and type."""
    for row in rows:
        whole = type(row)._base_manager.get(pk=row.pk)
        read = {name for name in row.__dict__ if name in whole.__dict__ and name != "_state"}
        assert len(read) > 1
        for name in read:
            ours, theirs = row.__dict__[name], frozen(whole.__dict__[name])
            assert (ours, type(ours)) == (theirs, type(theirs)), (type(row), name)
        assert row == whole
        assert not row._state.adding


def current_key() -> SigningKey:
    return SigningKey.objects.current(SANDBOX, KeyPurpose.ACCESS_TOKEN).get()


def test_other_fields_are_read_when_asked_for(app: api.App, credential: JwtCredential) -> None:
    found = lookup.look_up_exchange(app.client_id, str(credential.pk)).credential
    assert found is not None
    assert found.label == credential.label
    found.label = "Changed"
    found.save()
    credential.refresh_from_db()
    assert credential.label == "Changed"


def test_a_field_that_the_model_lost_is_an_error() -> None:
    joined = JoinedSelect("{person}", {"person": Columns(User, ("id", "no_such_field"))})
    with pytest.raises(KeyError, match="no_such_field"):
        joined.first([])


@pytest.mark.parametrize(
    "texts", [("", ""), ("\x00", "\x00"), ("'", "' OR 1=1"), ("é" * 99, "{}"), ("x", str(uuid4()))]
)
def test_any_claimed_ids_find_nothing(db: None, texts: tuple[str, str]) -> None:
    client_id, other_id = texts
    assert lookup.look_up_exchange(client_id, other_id) == lookup.Lookup()
    assert lookup.look_up_refresh(client_id, "0" * 64) == lookup.Lookup()
    claimed = unverified("k" * 43, client_id, other_id, other_id)
    assert lookup.look_up_call(claimed) == lookup.Lookup()
    nothing = lookup.Lookup()
    assert lookup.look_up_question(client_id, claimed) == (nothing, nothing)


# --- State counts at once -------------------------------------------------------------------------


def _suspended(app: api.App, credential: JwtCredential) -> None:
    suspend_client(app.client, actor=credential.created_by, origin=cast.ORIGIN)


def _revoked(app: api.App, credential: JwtCredential) -> None:
    revoke_jwt_credential(credential, reason="", actor=credential.created_by, origin=cast.ORIGIN)


def _deactivated(app: api.App, credential: JwtCredential) -> None:
    User.objects.filter(pk=credential.extension.user_id).update(is_active=False)


def _disabled(app: api.App, credential: JwtCredential) -> None:
    Extension.objects.filter(pk=credential.extension_id).update(status="Disabled")


def _policy(app: api.App, credential: JwtCredential) -> None:
    Policy.objects.create(
        organization_id=credential.organization_id, environment=SANDBOX, all_apps_allowed=False
    )


def _distrusted_credential_key(app: api.App, credential: JwtCredential) -> None:
    rotate_signing_key(SANDBOX, KeyPurpose.CREDENTIAL, compromised=True, origin=cast.ORIGIN)


@pytest.mark.parametrize(
    "change",
    [_suspended, _revoked, _deactivated, _disabled, _policy, _distrusted_credential_key],
    ids=lambda change: change.__name__,
)
def test_a_known_token_is_refused_after_a_change(
    change: Callable[[api.App, JwtCredential], None],
    app: api.App,
    credential: JwtCredential,
    token: str,
) -> None:
    jwt = credential.encode()
    assert api.exchange(app, jwt).status_code == 200
    assert verify(token).status_code == 204
    change(app, credential)
    assert api.exchange(app, jwt).status_code in (400, 401)
    if change is not _distrusted_credential_key:
        assert verify(token).status_code == 401


def test_a_rotated_key_signs_at_the_next_exchange(
    app: api.App, credential: JwtCredential, token: str
) -> None:
    former = current_key()
    rotate_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN, compromised=False, origin=cast.ORIGIN)
    fresh = api.access_token(app, credential)
    assert jose.parse_token(fresh).kid == current_key().kid != former.kid
    assert verify(token).status_code == verify(fresh).status_code == 204
    former.refresh_from_db()
    distrust_signing_key(former, origin=cast.ORIGIN)
    assert (verify(token).status_code, verify(fresh).status_code) == (401, 204)


def test_a_user_role_counts_at_the_next_call(
    app: api.App, credential: JwtCredential, token: str
) -> None:
    changed = "super_admin"
    Extension.objects.filter(pk=credential.extension_id).update(user_role=changed)
    permissions = api.call("GET", "/account/~/extension/~/authz-profile", token).json()
    assert len(permissions["permissions"]) == 4


# --- The short way in -----------------------------------------------------------------------------


def test_requests_to_the_apis_skip_the_middleware_for_pages(
    app: api.App, credential: JwtCredential, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither sessions nor CSRF run, even if a program sends cookies."""

    def never(*_: object) -> None:
        raise AssertionError("asked")

    for name in settings.MIDDLEWARE[1:]:
        if isinstance(middleware := import_string(name), type):
            monkeypatch.setattr(middleware, "__call__", never)
    answers = [
        api.post(
            {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()},
            app.authorization,
            HTTP_COOKIE="session=x; csrftoken=y",
        ),
        api.call("GET", "/account/~", token, HTTP_COOKIE="session=x"),
        introspect(app, token),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")
    assert verify(token).status_code == 204
    with pytest.raises(AssertionError, match="asked"):
        api.program().get("/console/")


def test_keys_are_parsed_once(app: api.App, rebels: Rebels, token: str) -> None:
    jwts = [cast.credential(rebels.luke, label=f"Key {number}").encode() for number in range(3)]
    parsers = (jose.unseal, jose._public_key)
    assert api.exchange(app, jwts[0]).status_code == 200
    before = [parser.cache_info().misses for parser in parsers]
    for jwt in jwts:
        assert api.exchange(app, jwt).status_code == 200
    assert [parser.cache_info().misses for parser in parsers] == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's driver keeps its own")
def test_a_connection_prepares_a_statement_once(
    app: api.App, credential: JwtCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it leads to a pgbouncer."""

    def prepared() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
            return [statement for (statement,) in cursor.fetchall()]

    for _ in range(2):
        assert api.exchange(app, credential.encode()).status_code == 200
    once = prepared()
    exchange = lookup.STATEMENTS["exchange"].sql.replace("%s", "$")
    known = [re.sub(r"\$\d", "$", statement) for statement in once]
    assert known.count(exchange) == 1
    assert len(known) == len(set(known))

    database = connections[DEFAULT_DB_ALIAS]
    not_kept = Statements(database.connection, are_kept=False)
    monkeypatch.setitem(database.__dict__, "prepared_statements", not_kept)
    assert api.exchange(app, credential.encode()).status_code == 200
    assert prepared() == once


def test_answers_of_the_apis_have_the_security_headers_of_pages(db: None) -> None:
    page = api.program().get("/account/login/")
    answer = api.program().get(f"/{SANDBOX}/restapi/v1.0/status")
    names = ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
             "X-Frame-Options", "Content-Security-Policy")  # fmt: skip
    for name in names:
        assert answer[name] == page[name]
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies


# --- Usage ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_usage_is_counted_exactly_and_waits_for_no_disk(rebels: Rebels) -> None:
    """Outside of a transaction, as in production; what comes after it waits again."""
    app, jwt = api.app(rebels.luke), cast.credential(rebels.luke).encode()
    for _ in range(3):
        assert api.exchange(app, jwt).status_code == 200
    assert ExchangeUsage.objects.get().exchanges == 3
    alone, among_others = (
        usage.count_sql(connection.vendor, in_transaction=inside) for inside in (False, True)
    )
    assert "synchronous_commit" not in among_others
    if connection.vendor == "postgresql":
        assert "set_config('synchronous_commit', 'off', true)" in alone
        row = statements.read("SHOW synchronous_commit", [])
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert row is not None
            assert row.values() == cursor.fetchone()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_made_again_for_a_read(rebels: Rebels) -> None:
    app, credential = api.app(rebels.luke), cast.credential(rebels.luke)
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        connection.connection.close()
    else:
        connection.close()
    assert lookup.look_up_exchange(app.client_id, str(credential.pk)).client == app.client
