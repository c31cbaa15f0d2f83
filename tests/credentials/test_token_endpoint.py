"""The token endpoint as the contract describes it: its errors, their order, and what it grants."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Extension, Membership, User
from accounts.models.extensions import ExtensionStatus
from accounts.permissions import SCOPE_CLOSURE, AppScope, effective_scopes, scope_string
from accounts.roles import ConsoleRole
from credentials import jose
from credentials.actions.clients import replace_client_secret, resume_client, suspend_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.signing_keys import current_signing_key
from credentials.models import AppAccess, Application, Client, ExchangeUsage, JwtCredential
from credentials.models.applications import ClientStatus
from credentials.models.expiration import NEVER
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import FORM, GRANT_TYPE, PRODUCTION, SANDBOX, App, oauth_error
from tests.conftest import Partners, Rebels

NOT_A_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-101",
    "The assertion is not a valid JWT credential of this authorization server. Copy the "
    "whole JWT again.",
)
REVOKED = oauth_error(
    "invalid_grant", "JWT-102", "This credential has been revoked. Use another credential."
)
EXPIRED = oauth_error(
    "invalid_grant", "JWT-103", "This credential has expired. Use another credential."
)
A_SANDBOX_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-104",
    "This is a sandbox credential. Use it with the sandbox base URL.",
)
A_PRODUCTION_CREDENTIAL = oauth_error(
    "invalid_grant",
    "JWT-104",
    "This is a production credential. Use it with the production base URL.",
)
NOT_PERMITTED = oauth_error(
    "invalid_grant",
    "JWT-105",
    "This app is not allowed to use this credential. Ask the credential's owner to add the "
    "app's client ID to it.",
)
OWNER_MAY_NOT = oauth_error(
    "invalid_grant",
    "JWT-106",
    "The owner of this credential can't authenticate: their account is inactive, their "
    "console role does not allow it, or they have no enabled account in this environment. An "
    "account administrator can fix this.",
)
NO_CLIENT = oauth_error(
    "invalid_client",
    "OAU-123",
    "Client authentication is missing or malformed. Send the client ID and the client secret "
    "with HTTP Basic, or both in the body.",
)
WRONG_CLIENT = oauth_error(
    "invalid_client",
    "OAU-146",
    "Client authentication failed: the client ID is unknown, suspended or belongs to the "
    "other environment, or the client secret is wrong. Compare both with the app's page.",
)
NO_JWT_FLOW = oauth_error(
    "unauthorized_client",
    "OAU-251",
    "This app does not use the JWT auth flow. Turn the flow on in the app's settings.",
)
CHALLENGE = 'Basic realm="Auth API", charset="UTF-8"'


def invalid_request(message: str) -> dict[str, Any]:
    return oauth_error("invalid_request", "CMN-101", message)


def not_granted(scopes: str) -> str:
    return (
        f"The app does not have these scopes: {scopes}. Add them in the app's settings, or request "
        "fewer."
    )


IN_THE_QUERY = invalid_request("Query strings end up in logs. Send the parameters in the body.")
NOT_A_FORM = invalid_request(f"The body is not a form. Send the parameters as {FORM}.")
REPEATED = oauth_error(
    "invalid_request", "OAU-111", "A parameter is repeated. Send each parameter once."
)


@dataclass(frozen=True)
class World:
    """Luke's private app and a public and a private one of the partners, all in the sandbox."""

    luke: Membership
    app: App
    public: App
    private: App
    for_all: JwtCredential
    """Luke's credential for all apps of his organization."""
    for_some: JwtCredential
    """Luke's credential for his own app and the partners' public one."""

    @property
    def jwt(self) -> str:
        return self.for_all.encode()


@pytest.fixture
def world(rebels: Rebels, partners: Partners) -> World:
    app = api.app(rebels.luke)
    public = api.app(partners.lobot, name="Cloud Dialer", is_public=True)
    return World(
        luke=rebels.luke,
        app=app,
        public=public,
        private=api.app(partners.lobot, name="Tibanna Books"),
        for_all=cast.credential(rebels.luke),
        for_some=cast.credential(rebels.luke, clients=[app.client, public.client]),
    )


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back, so that one world serves many rows of a table."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_refused(response: Any, status: int, body: dict[str, Any]) -> None:
    assert (response.status_code, response.json()) == (status, body)
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"
    assert response.get("WWW-Authenticate") == (CHALLENGE if status == 401 else None)
    assert response.get("Allow") == ("POST" if status == 405 else None)


# --- What it grants -------------------------------------------------------------------------------


def test_a_credential_is_exchanged_for_an_access_token(world: World) -> None:
    before = int(timezone.now().timestamp())
    response = api.exchange(world.app, world.jwt)
    body = response.json()
    assert (response.status_code, body) == (
        200,
        {
            "access_token": ANY,
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "ReadAccounts EditExtensions EditAccounts",
            "owner_id": str(world.for_all.extension_id),
            "endpoint_id": ANY,
        },
    )
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"

    key = current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN)
    token = body["access_token"]
    assert jose.parse_token(token).kid == key.kid
    claims = jose.verify(token, jwk=key.public_jwk, token_type="at+jwt")
    assert claims == {
        "iss": "http://localhost:8000/sandbox",
        "sub": str(world.for_all.extension_id),
        "aud": "http://localhost:8000/sandbox/restapi",
        "client_id": world.app.client_id,
        "scope": "ReadAccounts EditExtensions EditAccounts",
        "iat": ANY,
        "exp": claims["iat"] + 3600,
        "jti": ANY,
        "sid": body["endpoint_id"],
        "credential_id": str(world.for_all.pk),
    }
    assert before <= claims["iat"] <= int(timezone.now().timestamp())


def test_a_credential_is_reusable_and_each_exchange_counts(world: World) -> None:
    bodies = [api.exchange(world.app, world.jwt).json() for _ in range(3)]
    assert len({body["access_token"] for body in bodies}) == 3
    assert len({body["endpoint_id"] for body in bodies}) == 3
    usage = ExchangeUsage.objects.get()
    assert (usage.credential, usage.client) == (world.for_all, world.app.client)
    assert usage.exchanges == 3


def test_a_refused_exchange_does_not_count(world: World) -> None:
    api.exchange(world.private, world.jwt)
    api.exchange(world.app, world.jwt, scope="Accounts")
    assert not ExchangeUsage.objects.exists()


def test_the_credential_has_exactly_the_claims_of_the_contract(world: World) -> None:
    key = current_signing_key(SANDBOX, KeyPurpose.CREDENTIAL)
    assert jose.parse_token(world.jwt).kid == key.kid
    assert jose.verify(world.jwt, jwk=key.public_jwk, token_type="JWT") == {
        "iss": "http://localhost:8000/sandbox",
        "sub": str(world.for_all.extension_id),
        "aud": "http://localhost:8000/sandbox/restapi/oauth/token",
        "iat": int(world.for_all.issued_at.timestamp()),
        "exp": int(datetime(2099, 12, 31, tzinfo=UTC).timestamp()),
        "jti": str(world.for_all.pk),
    }
    assert JwtCredential.objects.get(pk=world.for_all.pk).encode() == world.jwt


def test_an_expiration_date_includes_its_day(world: World) -> None:
    day = timezone.now().date() + timedelta(days=1)
    credential = cast.credential(world.luke, expires_on=day)
    end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    assert credential.claims["exp"] == int(end.timestamp())
    assert not credential.is_expired(end - timedelta(seconds=1))
    assert credential.is_expired(end)


def test_each_environment_exchanges_its_own_credentials(world: World, rebels: Rebels) -> None:
    app = App(world.app.application, *cast.client(world.app.application, PRODUCTION))
    credential = cast.credential(rebels.luke, environment=PRODUCTION)
    response = api.exchange(app, credential.encode(), environment=PRODUCTION)
    assert response.status_code == 200
    assert response.json()["owner_id"] == str(credential.extension_id)
    assert credential.extension_id != world.for_all.extension_id


def test_the_lifetime_is_clamped_and_never_refused(world: World, subtests: pytest.Subtests) -> None:
    for requested, granted in [
        ("600", 600),
        ("1234", 1234),
        ("3600", 3600),
        ("599", 600),
        ("0", 600),
        ("-1", 600),
        ("-" + "9" * 99, 600),
        ("3601", 3600),
        ("9" * 99, 3600),
        # Not a number, so as if it were left out.
        ("", 3600),
        ("9" * 5000, 3600),
        ("1e3", 3600),
        ("12.5", 3600),
        (" 600", 3600),
        ("600\x00", 3600),
        ("٦٠٠", 3600),
    ]:
        with subtests.test(requested=requested[:10]):
            response = api.exchange(world.app, world.jwt, access_token_ttl=requested)
            assert (response.status_code, response.json()["expires_in"]) == (200, granted)


def test_an_access_token_does_not_outlive_its_credential(world: World) -> None:
    ends = timezone.now().replace(microsecond=0) + timedelta(minutes=5)
    JwtCredential.objects.filter(pk=world.for_all.pk).update(expires_at=ends)
    credential = JwtCredential.objects.get(pk=world.for_all.pk)
    body = api.exchange(world.app, credential.encode(), access_token_ttl="3600").json()
    assert 290 <= body["expires_in"] <= 300
    key = current_signing_key(SANDBOX, KeyPurpose.ACCESS_TOKEN)
    claims = jose.verify(body["access_token"], jwk=key.public_jwk, token_type="at+jwt")
    assert claims["exp"] == int(ends.timestamp())


def test_scopes_may_be_narrowed(world: World, subtests: pytest.Subtests) -> None:
    for requested, granted in [
        ("", "ReadAccounts EditExtensions EditAccounts"),
        (" ", "ReadAccounts EditExtensions EditAccounts"),
        ("ReadAccounts", "ReadAccounts"),
        ("EditExtensions ReadAccounts", "ReadAccounts EditExtensions"),
        ("ReadAccounts  ReadAccounts", "ReadAccounts"),
        ("EditAccounts", "ReadAccounts EditExtensions EditAccounts"),
    ]:
        with subtests.test(requested=requested):
            response = api.exchange(world.app, world.jwt, scope=requested)
            assert (response.status_code, response.json()["scope"]) == (200, granted)


def test_scopes_may_not_be_widened(world: World, subtests: pytest.Subtests) -> None:
    for requested, named in [
        ("Accounts", "'Accounts'"),
        ("ReadAccounts Accounts Faxes", "'Accounts', 'Faxes'"),
        ("readaccounts", "'readaccounts'"),
        ("ReadAccounts\tEditAccounts", "'ReadAccounts?EditAccounts'"),
        ('"\\\x00é', "'????'"),
        ("x" * 500, f"'{'x' * 100}'"),
        ("a b c d e f g", "'a', 'b', 'c', 'd', 'e'"),
    ]:
        with subtests.test(requested=requested):
            assert_refused(
                api.exchange(world.app, world.jwt, scope=requested),
                400,
                oauth_error("invalid_scope", "CMN-101", not_granted(named)),
            )


def test_an_app_without_scopes_gets_a_token_that_may_do_nothing(rebels: Rebels) -> None:
    app = api.app(rebels.luke, scopes=[])
    response = api.exchange(app, cast.credential(rebels.luke).encode())
    assert (response.status_code, response.json()["scope"]) == (200, "")


# --- The shape of the request, before anything else -----------------------------------------------


def test_the_shape_is_checked_before_the_client(world: World, subtests: pytest.Subtests) -> None:
    wrong = api.basic(world.app.client_id, "cs_wrong")
    whole = [("grant_type", GRANT_TYPE), ("assertion", world.jwt)]
    missing = "The parameter {} is missing or empty. Add it to the body."
    bodies: list[tuple[list[tuple[str, str]], dict[str, Any]]] = [
        ([], invalid_request(missing.format("grant_type"))),
        (whole[1:], invalid_request(missing.format("grant_type"))),
        ([("grant_type", ""), whole[1]], invalid_request(missing.format("grant_type"))),
        (whole[:1], invalid_request(missing.format("assertion"))),
        ([whole[0], ("assertion", "")], invalid_request(missing.format("assertion"))),
        ([*whole, whole[1]], REPEATED),
        ([*whole, whole[0]], REPEATED),
        ([*whole, ("scope", ""), ("scope", "")], REPEATED),
        ([*whole, ("x", "1"), ("x", "2")], REPEATED),
        (
            [*whole, ("client_secret", world.app.secret)],
            invalid_request(
                "The client authenticates twice. Use HTTP Basic or the body, not both."
            ),
        ),
        (
            [*whole, ("client_id", world.public.client_id)],
            invalid_request("The client_id in the body is not the one in HTTP Basic. Send one."),
        ),
        *(
            (
                [("grant_type", grant_type), whole[1]],
                oauth_error(
                    "unsupported_grant_type",
                    "OAU-250",
                    f"The grant type '{printed}' is not supported. Use "
                    f"urn:ietf:params:oauth:grant-type:jwt-bearer or refresh_token.",
                ),
            )
            for grant_type, printed in [
                ("password", "password"),
                (GRANT_TYPE.upper(), GRANT_TYPE.upper()),
                (GRANT_TYPE + "\x00", GRANT_TYPE + "?"),
                ('<"é\\\n>', "<????>"),
            ]
        ),
    ]
    for data, body in bodies:
        with subtests.test(data=data):
            assert_refused(api.post(data, wrong), 400, body)


def test_parameters_come_in_a_form_body_only(world: World, subtests: pytest.Subtests) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    send = world.app.authorization
    for query in ["?grant_type=x", f"?assertion={world.jwt}", "?x", "?client_secret=a"]:
        with subtests.test(query=query):
            assert_refused(api.post(data, send, query=query), 400, IN_THE_QUERY)
    for content_type in [
        "application/json", "multipart/form-data; boundary=b", "text/plain", "", "x" * 5000,
    ]:  # fmt: skip
        with subtests.test(content_type=content_type):
            body = json.dumps(data).encode()
            assert_refused(api.post(body, send, content_type=content_type), 400, NOT_A_FORM)
    for charset in ["latin-1", "utf-16"]:
        with subtests.test(charset=charset):
            assert_refused(
                api.post(data, send, content_type=f"{FORM}; charset={charset}"),
                400,
                invalid_request(f"The body is not UTF-8. Send the parameters as {FORM} in UTF-8."),
            )
    for content_type in [f"{FORM};charset=UTF-8", FORM.upper(), f"{FORM}; charset=nonsense"]:
        with subtests.test(content_type=content_type):
            assert api.post(data, send, content_type=content_type).status_code == 200


def test_a_body_has_limits(world: World) -> None:
    too_large = invalid_request("The request is too large. Send fewer or shorter parameters.")
    send = world.app.authorization
    assert_refused(api.post(b"a=" + b"x" * 300_000, send), 400, too_large)
    assert_refused(api.post(b"a=1&" * 1001, send), 400, too_large)


def test_the_token_endpoint_allows_only_post(world: World, subtests: pytest.Subtests) -> None:
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]:
        with subtests.test(method=method):
            response = api.program().generic(method, api.token_path())
            if method == "HEAD":
                assert (response.status_code, response["Allow"]) == (405, "POST")
            else:
                assert_refused(
                    response,
                    405,
                    invalid_request("This endpoint only accepts POST. Send the request with POST."),
                )


# --- The client -----------------------------------------------------------------------------------


def test_the_client_is_checked_before_its_flow_and_the_assertion(
    world: World, subtests: pytest.Subtests
) -> None:
    Application.objects.update(uses_jwt_flow=False)
    data = {"grant_type": GRANT_TYPE, "assertion": "garbage"}
    client_id, secret = world.app.client_id, world.app.secret
    for authorization in [
        None, "", "Basic", "Basic ", "basic %%%", "Basic " + "=" * 8, "Basic é", "Basic \x00",
        "Basic a:b", f"Basic {client_id}:{secret}", "Basic /////w==", "Basic bm9jb2xvbg==",
        "Bearer " + world.jwt, f"Digest username={client_id}", api.basic("", ""),
        api.basic("", secret), api.basic(client_id, ""),
    ]:  # fmt: skip
        with subtests.test(authorization=authorization):
            assert_refused(api.post(data, authorization), 401, NO_CLIENT)
    for parameters in [
        {"client_id": client_id},
        {"client_secret": secret},
        {"client_id": client_id, "client_secret": ""},
        {"client_id": "", "client_secret": secret},
    ]:
        with subtests.test(parameters=parameters):
            assert_refused(api.post(data | parameters), 401, NO_CLIENT)
    for presented in [
        ("unknown", secret),
        (client_id, "cs_wrong"),
        (client_id, world.public.secret),
        (client_id.swapcase(), secret),
        (client_id + "\x00", secret),
        ("\x00" + client_id, secret),
        (client_id + " ", secret),
        (client_id, secret + "\x00"),
        (client_id, secret + "\n"),
        (client_id, secret[:-1]),
        (client_id, secret + ":"),
        ("é" * 10_000, "ü" * 10_000),
        ("\ufffd", "\U0001f511"),
    ]:
        with subtests.test(presented=presented):
            assert_refused(api.post(data, api.basic(*presented)), 401, WRONG_CLIENT)
            parameters = dict(zip(("client_id", "client_secret"), presented, strict=True))
            assert_refused(api.post(data | parameters), 401, WRONG_CLIENT)


def test_a_client_authenticates_with_basic_or_in_the_body(
    world: World, subtests: pytest.Subtests
) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    client_id, secret = world.app.client_id, world.app.secret
    encoded = "".join(f"%{ord(char):02x}" for char in secret)
    for authorization in [
        api.basic(client_id, secret),
        api.basic(quote(client_id), encoded),
        "basic  " + api.basic(client_id, secret).split()[1] + " ",
    ]:
        with subtests.test(authorization=authorization):
            assert api.post(data, authorization).status_code == 200
    with subtests.test("client_id may be repeated in the body"):
        body = data | {"client_id": client_id, "client_secret": ""}
        assert api.post(body, world.app.authorization).status_code == 200
    with subtests.test("client_secret_post"):
        response = api.post(data | {"client_id": client_id, "client_secret": secret})
        assert response.status_code == 200


def test_a_client_must_be_active_and_of_this_environment(world: World) -> None:
    suspend_client(world.app.client, actor=world.luke.user, origin=cast.ORIGIN)
    assert_refused(api.exchange(world.app, world.jwt), 401, WRONG_CLIENT)
    resume_client(world.app.client, actor=world.luke.user, origin=cast.ORIGIN)
    assert api.exchange(world.app, world.jwt).status_code == 200
    other = api.exchange(world.app, world.jwt, environment=PRODUCTION)
    assert_refused(other, 401, WRONG_CLIENT)


def test_a_replaced_secret_ends_the_former(world: World) -> None:
    secret = replace_client_secret(world.app.client, actor=world.luke.user, origin=cast.ORIGIN)
    assert_refused(api.exchange(world.app, world.jwt), 401, WRONG_CLIENT)
    renewed = App(world.app.application, world.app.client, secret)
    assert api.exchange(renewed, world.jwt).status_code == 200


def test_the_flow_is_checked_before_the_assertion(world: World) -> None:
    Application.objects.filter(pk=world.app.application.pk).update(uses_jwt_flow=False)
    for assertion in ["garbage", world.jwt]:
        assert_refused(api.exchange(world.app, assertion), 400, NO_JWT_FLOW)


# --- The state of the credential, the app and the owner -------------------------------------------


def revoke(world: World) -> None:
    for credential in (world.for_all, world.for_some):
        revoke_jwt_credential(credential, reason="lost", actor=world.luke.user, origin=cast.ORIGIN)


def set_role(role: ConsoleRole) -> Callable[[World], None]:
    def change(world: World) -> None:
        Membership.objects.filter(pk=world.luke.pk).update(role=role)

    return change


def deactivate(world: World) -> None:
    User.objects.filter(pk=world.luke.user.pk).update(is_active=False)


def disable_extension(world: World) -> None:
    Extension.objects.filter(pk=world.for_all.extension_id).update(status=ExtensionStatus.DISABLED)


def make_private(world: World) -> None:
    Application.objects.filter(pk=world.public.application.pk).update(is_public=False)


def take_off_the_list(world: World) -> None:
    world.for_some.permitted.all().delete()


def nothing(_: World) -> None:
    """All as it is."""


Exchange = Callable[[World], tuple[App, JwtCredential]]

ALL: list[Exchange] = [
    lambda world: (world.app, world.for_all),
    lambda world: (world.app, world.for_some),
    lambda world: (world.public, world.for_some),
]
STATES: list[tuple[str, Callable[[World], None], list[Exchange], dict[str, Any] | None]] = [
    ("as it should be", nothing, ALL, None),
    ("revoked", revoke, ALL, REVOKED),
    ("deactivated owner", deactivate, ALL, OWNER_MAY_NOT),
    ("disabled extension", disable_extension, ALL, OWNER_MAY_NOT),
    ("owner without console access", set_role(ConsoleRole.NO_ACCESS), ALL, OWNER_MAY_NOT),
    ("auditor", set_role(ConsoleRole.AUDITOR), ALL, OWNER_MAY_NOT),
    ("developer admin", set_role(ConsoleRole.DEVELOPER_ADMIN), ALL, None),
    ("public app of another organization, not listed", nothing,
     [lambda world: (world.public, world.for_all)], NOT_PERMITTED),
    ("private app of another organization", nothing,
     [lambda world: (world.private, world.for_all), lambda world: (world.private, world.for_some)],
     NOT_PERMITTED),
    ("listed app that became private", make_private, ALL[2:], NOT_PERMITTED),
    ("own app beside one that became private", make_private, ALL[:2], None),
    ("taken off the list", take_off_the_list, ALL[1:], NOT_PERMITTED),
]  # fmt: skip


def test_every_condition_of_an_exchange_is_checked_at_that_moment(
    world: World, subtests: pytest.Subtests
) -> None:
    for name, happens, exchanges, refusal in STATES:
        for chosen in exchanges:
            app, credential = chosen(world)
            with subtests.test(name, app=app.application.name), undone():
                happens(world)
                response = api.exchange(app, credential.encode())
                if refusal is None:
                    assert response.status_code == 200
                else:
                    assert_refused(response, 400, refusal)


def test_an_expired_credential(world: World) -> None:
    then = api.long_ago()
    credential = cast.credential(world.luke, at=then, expires_on=then.date())
    assert_refused(api.exchange(world.app, credential.encode()), 400, EXPIRED)


def test_a_credential_of_the_other_environment_is_refused(world: World, rebels: Rebels) -> None:
    in_production = App(world.app.application, *cast.client(world.app.application, PRODUCTION))
    production = cast.credential(rebels.luke, environment=PRODUCTION)
    assert_refused(api.exchange(world.app, production.encode()), 400, A_PRODUCTION_CREDENTIAL)
    assert_refused(
        api.exchange(in_production, world.jwt, environment=PRODUCTION), 400, A_SANDBOX_CREDENTIAL
    )


def test_lando_without_sandbox_account_uses_production_only(rebels: Rebels) -> None:
    app = api.app(rebels.luke, environment=PRODUCTION)
    credential = cast.credential(rebels.lando, environment=PRODUCTION)
    response = api.exchange(app, credential.encode(), environment=PRODUCTION)
    assert response.status_code == 200


def test_the_first_check_that_fails_answers(world: World, rebels: Rebels) -> None:
    """Everything is wrong at once. Each time a problem is fixed, the next check answers."""
    then = api.long_ago()
    here, there = (
        cast.credential(
            rebels.luke, environment=environment, at=then, expires_on=then.date(), clients=[client]
        )
        for environment, client in [
            (SANDBOX, world.public.client),
            (PRODUCTION, cast.client(world.public.application, PRODUCTION)[0]),
        ]
    )
    for credential in (here, there):
        revoke_jwt_credential(credential, reason="lost", actor=rebels.luke.user, origin=cast.ORIGIN)
    deactivate(world)
    client = Client.objects.filter(pk=world.app.client.pk)
    client.update(status=ClientStatus.SUSPENDED)
    application = Application.objects.filter(pk=world.app.application.pk)
    application.update(uses_jwt_flow=False)

    data = {"grant_type": GRANT_TYPE, "assertion": "garbage", "scope": "Accounts"}
    send = world.app.authorization
    assert_refused(api.post(data, send, query="?x"), 400, IN_THE_QUERY)
    assert_refused(api.post(data, send), 401, WRONG_CLIENT)
    client.update(status=ClientStatus.ACTIVE)
    assert_refused(api.post(data, send), 400, NO_JWT_FLOW)
    application.update(uses_jwt_flow=True)
    assert_refused(api.post(data, send), 400, NOT_A_CREDENTIAL)
    data["assertion"] = there.encode()
    assert_refused(api.post(data, send), 400, A_PRODUCTION_CREDENTIAL)
    data["assertion"] = here.encode()
    assert_refused(api.post(data, send), 400, REVOKED)
    row = JwtCredential.objects.filter(pk=here.pk)
    row.update(revoked_at=None, revoked_by=None, revoked_reason="")
    assert_refused(api.post(data, send), 400, EXPIRED)
    row.update(expires_at=NEVER)
    data["assertion"] = row.get().encode()
    assert_refused(api.post(data, send), 400, NOT_PERMITTED)
    row.update(app_access=AppAccess.ORGANIZATION)
    assert_refused(api.post(data, send), 400, OWNER_MAY_NOT)
    User.objects.filter(pk=rebels.luke.user.pk).update(is_active=True)
    assert_refused(
        api.post(data, send),
        400,
        oauth_error("invalid_scope", "CMN-101", not_granted("'Accounts'")),
    )
    del data["scope"]
    assert api.post(data, send).status_code == 200


# --- Arbitrary bytes ------------------------------------------------------------------------------

never_surprised = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LATIN = st.characters(max_codepoint=255, exclude_characters="\r\n")


def assert_an_oauth_refusal(response: Any) -> None:
    """A client error in the one shape that RFC 6749 §5.2 gives it."""
    assert response.status_code in {400, 401}
    body = response.json()
    message = body["error_description"]
    assert body == oauth_error(body["error"], body["errors"][0]["errorCode"], message)
    assert all(" " <= char <= "~" and char not in '"\\' for char in message)


@never_surprised
@given(assertion=st.text(max_size=200) | st.text("eyJ.-_=AZ{}09", max_size=200))
@example(assertion="\ud7ff\x00")
def test_any_text_as_assertion(world: World, assertion: str) -> None:
    assert_an_oauth_refusal(api.exchange(world.app, assertion))


@never_surprised
@given(authorization=st.text(LATIN, max_size=60) | st.text(LATIN).map(lambda s: f"Basic {s}"))
def test_any_authorization_header(world: World, authorization: str) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    assert_an_oauth_refusal(api.post(data, authorization))


@never_surprised
@given(pair=st.binary(max_size=60))
def test_any_bytes_as_basic_credentials(world: World, pair: bytes) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt}
    header = "Basic " + b64encode(pair).decode()
    assert_an_oauth_refusal(api.post(data, header))


@never_surprised
@given(body=st.binary(max_size=300))
@example(body=b"grant_type=%ff&assertion=\xff\xfe&client_id=%00&client_secret=%ed%a0%80")
@example(body=b"&&&=&=&;;%%%=%zz")
def test_any_bytes_as_body(world: World, body: bytes) -> None:
    assert_an_oauth_refusal(api.post(body, world.app.authorization))


@never_surprised
@given(
    name=st.sampled_from(
        ["grant_type", "assertion", "scope", "client_id", "client_secret", "access_token_ttl"]
    ),
    value=st.text(max_size=40),
)
@example(name="scope", value="\x00")
@example(name="client_id", value="\x00")
def test_any_value_of_any_parameter(world: World, name: str, value: str) -> None:
    data = {"grant_type": GRANT_TYPE, "assertion": world.jwt, name: value}
    response = api.post(data, world.app.authorization)
    if response.status_code != 200:
        assert_an_oauth_refusal(response)


# --- Scopes that include one another --------------------------------------------------------------

scope_names = st.sets(st.sampled_from(AppScope.values) | st.text(max_size=5))


@given(scopes=scope_names, more=scope_names)
def test_inclusion_is_a_closure(scopes: set[str], more: set[str]) -> None:
    closed = effective_scopes(scopes)
    assert set(scopes) & set(AppScope.values) <= closed <= set(AppScope)
    assert effective_scopes(closed) == closed
    assert closed <= effective_scopes(scopes | more)
    assert effective_scopes(scopes | more) == closed | effective_scopes(more)
    assert effective_scopes(scope_string(closed).split()) == closed


def test_the_inclusions_are_those_of_the_contract() -> None:
    assert {scope: scope_string(included) for scope, included in SCOPE_CLOSURE.items()} == {
        "ReadAccounts": "ReadAccounts",
        "EditExtensions": "EditExtensions",
        "EditAccounts": "ReadAccounts EditExtensions EditAccounts",
        "Accounts": "ReadAccounts EditExtensions EditAccounts Accounts",
    }
