"""Access tokens at the REST API: which calls they allow, and what ends them at the next call."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.environments import Environment
from accounts.models import Extension
from accounts.models.extensions import ExtensionStatus
from accounts.roles import ConsoleRole
from core.background import BackgroundWriter
from credentials import jose
from credentials.actions.clients import resume_client, suspend_client
from credentials.actions.jwt_credentials import update_jwt_credential
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.signing_keys import rotate_signing_key
from credentials.damage import damage_of
from credentials.models import AppAccess, JwtCredential
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.conftest import Partners, Rebels, SignIn
from tests.credentials.refusing import asked, failed

IN_QUERY = (
    "The query string has a token or a secret, which would end up in logs. Send an access "
    "token in the Authorization header."
)
OWN = "/account/~/extension/~"
NO_TOKEN = api.rest_error(
    "OAU-123",
    "The call does not have an access token. Send one in the Authorization: Bearer header.",
)
INVALID = api.rest_error(
    "OAU-149",
    "This is not an access token for this environment. Exchange a JWT credential at the same "
    "base URL.",
)
OTHER_API = api.rest_error(
    "OAU-149",
    "This access token is for another API. Get one for this API: name it in the parameter "
    "resource, or leave the parameter out.",
)
EXPIRED = api.rest_error(
    "OAU-210", "The access token has expired. Exchange the JWT credential again, or refresh."
)
REVOKED = api.rest_error(
    "OAU-213",
    "This access token no longer works: it was revoked, or its credential, its owner, its "
    "app or the address of the call is no longer allowed. Exchange the credential again to "
    "see why.",
)


def assert_refused(response: Any, body: dict[str, Any]) -> None:
    assert response.status_code == 401
    assert response.json() == body
    assert response.headers["WWW-Authenticate"] == (
        f'Bearer realm="REST API", error="invalid_token", error_description="{body["message"]}"'
    )


def test_a_call_without_a_token_is_refused(app: api.App) -> None:
    response = api.call("GET", OWN)
    assert response.status_code == 401
    assert response.json() == NO_TOKEN
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="REST API"'


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer  ", "bearer"])
def test_another_authorization_scheme_is_not_a_token(app: api.App, header: str) -> None:
    response = api.program().get(f"/sandbox/restapi/v1.0{OWN}", headers={"Authorization": header})
    assert response.json() == NO_TOKEN


def test_a_token_in_the_query_string_is_refused(app: api.App, credential: JwtCredential) -> None:
    """Even with a header: query strings end up in logs."""
    token = api.access_token(app, credential)
    refusal = api.rest_error("CMN-101", IN_QUERY)
    for sent in (None, token):
        for path in (OWN, "", "/status"):
            response = api.call("GET", f"{path}?access_token={token}", sent)
            assert response.status_code == 400
            assert response.json() == refusal
    for name in ("assertion", "client_secret", "refresh_token", "token"):
        response = api.call("GET", f"{OWN}?page=1&{name}=x", token)
        assert (response.status_code, response.json()) == (400, refusal)
        asked = api.program().get(
            f"/sandbox/restapi/oauth/verify?{name}=x", headers={"Authorization": f"Bearer {token}"}
        )
        assert asked.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/restapi/openapi.json", api.rest_error("CMN-101", IN_QUERY)),
        ("GET", "/restapi/oauth/jwks", api.oauth_error("invalid_request", "CMN-101", IN_QUERY)),
        (
            "GET",
            "/.well-known/oauth-authorization-server",
            api.oauth_error("invalid_request", "CMN-101", IN_QUERY),
        ),
        (
            "POST",
            "/restapi/oauth/revoke-leaked",
            api.oauth_error("invalid_request", "CMN-101", IN_QUERY),
        ),
    ],
)
def test_a_token_in_the_query_string_of_a_public_call_is_refused(
    db: None, method: str, path: str, body: dict[str, Any]
) -> None:
    where = f"/sandbox{path}"
    response = api.program().generic(method, f"{where}?token=x")
    assert (response.status_code, response.json()) == (400, body)
    assert "no-store" in response.headers["Cache-Control"]
    assert api.program().generic(method, f"{where}?page=x").status_code in (200, 202)


@pytest.mark.parametrize("missing", ["sub", "client_id", "scope", "sid", "credential_id", "exp"])
def test_a_token_without_a_required_claim_is_refused(
    app: api.App, credential: JwtCredential, missing: str
) -> None:
    whole = claims_of(api.access_token(app, credential), credential)
    rest = {name: value for name, value in whole.items() if name != missing}
    assert_refused(api.call("GET", OWN, signed(rest)), INVALID)


def test_a_credential_is_not_an_access_token(app: api.App, credential: JwtCredential) -> None:
    assert_refused(api.call("GET", OWN, credential.encode()), INVALID)


def test_a_token_of_the_other_environment_is_refused(rebels: Rebels) -> None:
    production = Environment.PRODUCTION
    app = api.app(rebels.luke, environment=production)
    credential = cast.credential(rebels.luke, environment=production)
    token = api.access_token(app, credential, environment=production)
    assert api.call("GET", OWN, token, environment=production).status_code == 200
    assert_refused(api.call("GET", OWN, token), INVALID)


def claims_of(token: str, credential: JwtCredential) -> jose.Claims:
    key = credential.signing_key.__class__.objects.get(kid=jose.parse_token(token).kid)
    return jose.verify(token, jwk=key.public_jwk, token_type=jose.ACCESS_TOKEN_TYPE)


def signed(claims: Mapping[str, Any]) -> str:
    return api.signed(claims, purpose=KeyPurpose.ACCESS_TOKEN, token_type=jose.ACCESS_TOKEN_TYPE)


def test_an_expired_token_is_refused(app: api.App, credential: JwtCredential) -> None:
    claims = claims_of(api.access_token(app, credential), credential)
    past = int((timezone.now() - timedelta(seconds=1)).timestamp())
    assert_refused(api.call("GET", OWN, signed(claims | {"exp": past})), EXPIRED)


def test_a_token_of_another_issuer_is_refused(app: api.App, credential: JwtCredential) -> None:
    claims = claims_of(api.access_token(app, credential), credential)
    elsewhere = {"iss": "https://elsewhere.example"}
    assert_refused(api.call("GET", OWN, signed(claims | elsewhere)), INVALID)


def test_unusual_claims_under_our_own_key_cause_no_error(
    app: api.App, credential: JwtCredential, subtests: pytest.Subtests
) -> None:
    """Nothing but this server can sign them, so an earlier version or a mistake might have."""
    claims = claims_of(api.access_token(app, credential), credential)
    unusual: list[Any] = ["", "x", "\x00", None, 1, [], ["x"], {}, True]
    for name in claims:
        for value in unusual:
            token = signed(claims | {name: value})
            with subtests.test(name=name, value=value):
                assert api.call("GET", OWN, token).status_code in (200, 401)
                for question in ("revoke", "introspect"):
                    answer = api.program().post(
                        f"/sandbox/restapi/oauth/{question}",
                        urlencode({"token": token}),
                        content_type=api.FORM,
                        headers={"Authorization": app.authorization},
                    )
                    assert answer.status_code == 200
    BackgroundWriter.flush_all()


@pytest.mark.parametrize(
    "audience",
    ["https://api.acme.example/orders", ["https://api.acme.example/orders", "http://localhost"]],
    ids=str,
)
def test_a_token_for_another_api_is_refused_and_explained(
    rebels: Rebels, app: api.App, credential: JwtCredential, sign_in: SignIn, audience: Any
) -> None:
    claims = claims_of(api.access_token(app, credential), credential)
    token = signed(claims | {"aud": audience})
    called = api.call("GET", OWN, token)
    assert_refused(called, OTHER_API)
    verified = api.program().get(
        "/sandbox/restapi/oauth/verify", headers={"Authorization": f"Bearer {token}"}
    )
    assert verified.status_code == 401
    assert verified.headers["WWW-Authenticate"] == called.headers["WWW-Authenticate"]
    for response in (called, verified):
        page = asked(sign_in(rebels.luke), response)
        assert failed(page) == "The access token is for this API"
        explanation = page.context["explanation"]
        assert explanation.headline == "The access token is for another API"
        assert "named another API in the parameter resource" in explanation.cause
        [fix] = explanation.fixes
        assert fix.text.startswith("Get another access token.")


def test_a_credential_signed_with_the_access_token_key_is_refused(
    credential: JwtCredential,
) -> None:
    assert_refused(api.call("GET", OWN, signed(credential.claims | {"iss": "x"})), INVALID)


def revoke(app: api.App, credential: JwtCredential) -> None:
    owner = credential.extension.user
    revoke_jwt_credential(credential, reason="test", actor=owner, origin=cast.ORIGIN)


def suspend(app: api.App, credential: JwtCredential) -> None:
    suspend_client(app.client, actor=app.application.owner, origin=cast.ORIGIN)


def deactivate(app: api.App, credential: JwtCredential) -> None:
    user = credential.extension.user
    user.is_active = False
    user.save()


def demote(app: api.App, credential: JwtCredential) -> None:
    membership = credential.extension.user.membership
    membership.role = ConsoleRole.AUDITOR
    membership.save()


def disable(app: api.App, credential: JwtCredential) -> None:
    Extension.objects.filter(pk=credential.extension_id).update(status=ExtensionStatus.DISABLED)


def expire(app: api.App, credential: JwtCredential) -> None:
    JwtCredential.objects.filter(pk=credential.pk).update(expires_at=timezone.now())


def distrust(app: api.App, credential: JwtCredential) -> None:
    rotate_signing_key(
        Environment.SANDBOX, KeyPurpose.ACCESS_TOKEN, compromised=True, origin=cast.ORIGIN
    )


ENDS = [deactivate, demote, disable, expire, revoke, suspend]


@pytest.mark.both_databases
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_what_ends_a_token_at_the_next_call(
    app: api.App, credential: JwtCredential, end: Callable[[api.App, JwtCredential], None]
) -> None:
    token = api.access_token(app, credential)
    assert api.call("GET", OWN, token).status_code == 200
    end(app, credential)
    assert_refused(api.call("GET", OWN, token), REVOKED)


def test_a_compromised_key_ends_its_tokens(app: api.App, credential: JwtCredential) -> None:
    token = api.access_token(app, credential)
    distrust(app, credential)
    assert_refused(api.call("GET", OWN, token), INVALID)


@pytest.mark.both_databases
def test_an_app_removed_from_the_list_is_refused(rebels: Rebels, partners: Partners) -> None:
    app = api.app(partners.lobot, is_public=True)
    own = api.app(rebels.luke)
    credential = cast.credential(rebels.luke, clients=[app.client, own.client])
    token = api.access_token(app, credential)
    update_jwt_credential(
        credential,
        label=credential.label,
        app_access=AppAccess.SPECIFIC,
        client_ids=[own.client_id],
        ceiling=None,
        actor=rebels.luke.user,
        origin=cast.ORIGIN,
    )
    assert_refused(api.call("GET", OWN, token), REVOKED)


@pytest.mark.both_databases
def test_a_listed_app_that_became_private_is_refused(rebels: Rebels, partners: Partners) -> None:
    app = api.app(partners.lobot, is_public=True)
    token = api.access_token(app, cast.credential(rebels.luke, clients=[app.client]))
    app.application.is_public = False
    app.application.save()
    assert_refused(api.call("GET", OWN, token), REVOKED)


def test_a_token_works_again_after_its_client_is_resumed(
    app: api.App, credential: JwtCredential
) -> None:
    token = api.access_token(app, credential)
    suspend(app, credential)
    resume_client(app.client, actor=app.application.owner, origin=cast.ORIGIN)
    assert api.call("GET", OWN, token).status_code == 200


def test_a_scope_taken_from_the_app_counts_at_the_next_call(
    app: api.App, credential: JwtCredential
) -> None:
    token = api.access_token(app, credential)
    app.application.scopes = []
    app.application.save()
    response = api.call("GET", "/account/~", token)
    assert response.status_code == 403
    assert response.json() == api.rest_error(
        "CMN-401",
        "The app does not have the app scope [ReadAccounts]. Add the scope in the app's settings.",
        permissionName="ReadAccounts",
    )
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="REST API", error="insufficient_scope", scope="ReadAccounts"'
    )


def test_a_scope_given_later_needs_a_new_token(rebels: Rebels) -> None:
    app = api.app(rebels.leia, scopes=["ReadAccounts"])
    credential = cast.credential(rebels.leia)
    token = api.access_token(app, credential)
    app.application.scopes = ["Accounts"]
    app.application.save()
    path = "/account/~/business-address"
    assert api.call("PUT", path, token, {"company": "X"}).status_code == 403
    fresh = api.access_token(app, credential)
    assert api.call("PUT", path, fresh, {"company": "X"}).status_code == 200


@pytest.mark.both_databases
def test_a_narrowed_token_can_do_less_than_its_app(app: api.App, credential: JwtCredential) -> None:
    token = api.access_token(app, credential, scope="EditExtensions")
    assert api.call("GET", "/account/~", token).json()["errorCode"] == "CMN-401"


def test_a_user_role_counts_at_the_next_call(rebels: Rebels) -> None:
    token = api.access_token(api.app(rebels.luke), cast.credential(rebels.luke))
    path = "/account/~/business-address"
    assert api.call("PUT", path, token, {"company": "X"}).json()["errorCode"] == "CMN-408"
    rebels.luke.user.extensions.update(user_role="super_admin")
    assert api.call("PUT", path, token, {"company": "X"}).status_code == 200


@pytest.mark.both_databases
@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(token=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=300))
def test_any_text_can_be_sent_as_a_token(db: None, token: str) -> None:
    response = api.call("GET", OWN, token)
    assert response.status_code == 401
    damage = damage_of(token.strip())
    hint = f" The access token {damage.predicate}." if damage else ""
    invalid = api.rest_error("OAU-149", f"{INVALID['message']}{hint}")
    assert response.json() in (NO_TOKEN, invalid)
