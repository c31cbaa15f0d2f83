"""The checks of the token endpoint: the shape of the request, the client, and the state."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import Extension, Membership, User
from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from credentials.actions.clients import replace_client_secret, resume_client, suspend_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import AppAccess, Application, Client, JwtCredential
from credentials.models.applications import ClientStatus
from credentials.models.expiration import NEVER
from tests import api, cast
from tests.api import FORM, GRANT_TYPE, PRODUCTION, SANDBOX, App, oauth_error
from tests.conftest import Rebels
from tests.credentials.token_requests import (
    A_PRODUCTION_CREDENTIAL,
    A_SANDBOX_CREDENTIAL,
    EXPIRED,
    IN_THE_QUERY,
    NO_CLIENT,
    NO_JWT_FLOW,
    NOT_A_CREDENTIAL,
    NOT_A_FORM,
    NOT_PERMITTED,
    OWNER_MAY_NOT,
    REPEATED,
    REVOKED,
    WRONG_CLIENT,
    World,
    assert_refused,
    invalid_request,
    not_granted,
    undone,
    with_hint,
)

ODD = "has an invisible character or one outside ASCII."

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
            invalid_request(
                "The client_id in the body does not match the one in HTTP Basic. Send only one."
            ),
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
    for charset in ["latin-1", "utf-16", "punycode", "hex", "nonsense"]:
        with subtests.test(charset=charset):
            assert_refused(
                api.post(data, send, content_type=f"{FORM}; charset={charset}"),
                400,
                invalid_request(f"The body is not UTF-8. Send the parameters as {FORM} in UTF-8."),
            )
    for content_type in [
        f"{FORM};charset=UTF-8", FORM.upper(), f"{FORM}; charset=utf8",
        f'{FORM}; charset="utf-8"', f"{FORM}; charset=us-ascii", f"{FORM}; a*=nope''%41",
    ]:  # fmt: skip
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
    for *presented, hint in [
        ("unknown", secret, ""),
        (client_id, "cs_wrong", ""),
        (client_id, world.public.secret, ""),
        (client_id.swapcase(), secret, ""),
        (client_id + "\x00", secret, f"The client ID {ODD}"),
        ("\x00" + client_id, secret, f"The client ID {ODD}"),
        (client_id + " ", secret, "The client ID begins or ends with a space."),
        (client_id, secret + "\x00", f"The client secret {ODD}"),
        (client_id, secret + "\n", "The client secret ends with a line break."),
        (client_id, secret[:-1], ""),
        (client_id, secret + ":", ""),
        ("é" * 10_000, "ü" * 10_000, f"The client ID {ODD}"),
        ("\ufffd", "\U0001f511", f"The client ID {ODD}"),
    ]:
        refusal = with_hint(WRONG_CLIENT, hint)
        with subtests.test(presented=presented):
            assert_refused(api.post(data, api.basic(*presented)), 401, refusal)
            parameters = dict(zip(("client_id", "client_secret"), presented, strict=True))
            assert_refused(api.post(data | parameters), 401, refusal)


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
    """Everything stays as it is."""


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
