"""Refresh, revocation, introspection, verification and metadata, by RFC clause."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from jwt import PyJWK

from accounts.environments import Environment
from accounts.models import AuditEvent, AuditKind
from credentials import jose
from credentials.actions.refresh_tokens import forget_dead_sessions
from credentials.actions.revocations import revoke_jwt_credential
from credentials.actions.signing_keys import rotate_signing_key
from credentials.models import EndedSession, ExchangeUsage, JwtCredential, RefreshToken
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.conftest import Rebels

OWN = "/account/~/extension/~"
INVALID = api.oauth_error(
    "invalid_grant",
    "JWT-108",
    "The refresh token is unknown, expired, used, or revoked. Exchange the JWT credential again.",
)


def tokens(app: api.App, credential: JwtCredential, **parameters: str) -> dict[str, Any]:
    grant = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode(), **parameters}
    response = api.post(grant, app.authorization)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def refresh(app: api.App, refresh_token: str, **parameters: str) -> Any:
    data = {"grant_type": "refresh_token", "refresh_token": refresh_token, **parameters}
    return api.post(data, app.authorization)


def oauth(app: api.App, endpoint: str, **data: str) -> Any:
    return api.program().post(
        f"/sandbox/restapi/oauth/{endpoint}",
        "&".join(f"{name}={value}" for name, value in data.items()),
        content_type=api.FORM,
        headers={"Authorization": app.authorization},
    )


def unable_to_sign(*_args: object, **_kwargs: object) -> str:
    raise ArithmeticError


def ages(refresh_token: str, seconds: int) -> None:
    """Move the use of a token that far into the past."""
    used_at = timezone.now() - timedelta(seconds=seconds)
    RefreshToken.objects.with_token(refresh_token).update(used_at=used_at)


class TestRefresh:
    """RFC 6749 §6."""

    def test_the_response_has_the_members_of_the_contract(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        first = tokens(app, credential)
        body = refresh(app, first["refresh_token"]).json()
        assert body == {
            "access_token": ANY,
            "token_type": "bearer",
            "expires_in": 3600,
            "refresh_token": ANY,
            "refresh_token_expires_in": 604800,
            "scope": "ReadAccounts EditExtensions EditAccounts",
            "owner_id": first["owner_id"],
            "endpoint_id": first["endpoint_id"],
        }
        assert body["access_token"] != first["access_token"]
        assert body["refresh_token"] != first["refresh_token"]
        assert api.call("GET", OWN, body["access_token"]).status_code == 200

    def test_no_refresh_token_is_stored_as_plain_text(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        raw_token = tokens(app, credential)["refresh_token"]
        row = RefreshToken.objects.get()
        assert raw_token not in {str(value) for value in vars(row).values()}

    def test_the_lifetimes_of_refresh_tokens_are_clamped(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        body = tokens(app, credential, refresh_token_ttl="60")
        assert body["refresh_token_expires_in"] == 60
        again = refresh(app, body["refresh_token"], access_token_ttl="600").json()
        assert again["refresh_token_expires_in"] == 60
        assert again["expires_in"] == 600
        longest = tokens(app, credential, refresh_token_ttl="99999999")
        assert longest["refresh_token_expires_in"] == 604800

    def test_a_refresh_token_never_outlives_its_credential(
        self, app: api.App, rebels: Rebels
    ) -> None:
        today = timezone.now().date()
        body = tokens(app, cast.credential(rebels.luke, expires_on=today))
        assert body["refresh_token_expires_in"] <= 86400

    def test_a_refresh_can_narrow_but_not_widen_the_scope(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        body = tokens(app, credential, scope="ReadAccounts")
        wider = refresh(app, body["refresh_token"], scope="EditAccounts")
        assert wider.json()["error"] == "invalid_scope"
        same = refresh(app, body["refresh_token"]).json()
        assert same["scope"] == "ReadAccounts"

    def test_a_token_that_can_not_be_signed_leaves_nothing_behind(
        self, app: api.App, credential: JwtCredential, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grant = {"grant_type": api.GRANT_TYPE, "assertion": credential.encode()}
        first = tokens(app, credential)["refresh_token"]
        before = list(RefreshToken.objects.values()), list(ExchangeUsage.objects.values())
        monkeypatch.setattr(jose, "sign", unable_to_sign)
        with pytest.raises(ArithmeticError):
            api.post(grant, app.authorization)
        with pytest.raises(ArithmeticError):
            refresh(app, first)
        after = list(RefreshToken.objects.values()), list(ExchangeUsage.objects.values())
        assert after == before

    def test_a_client_that_repeats_a_refresh_gets_the_same_token(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        first = tokens(app, credential)["refresh_token"]
        lost = refresh(app, first).json()
        again = refresh(app, first).json()
        assert again["refresh_token"] == lost["refresh_token"]
        assert api.call("GET", OWN, again["access_token"]).status_code == 200

    def test_a_refresh_can_not_be_repeated_after_the_successor_was_used(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        first = tokens(app, credential)["refresh_token"]
        second = refresh(app, first).json()["refresh_token"]
        third = refresh(app, second).json()
        assert refresh(app, first).json() == INVALID
        assert refresh(app, third["refresh_token"]).json() == INVALID
        assert api.call("GET", OWN, third["access_token"]).json()["errorCode"] == "OAU-213"

    def test_later_reuse_of_a_refresh_token_ends_the_session(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        first = tokens(app, credential)["refresh_token"]
        second = refresh(app, first).json()
        ages(first, 11)
        assert refresh(app, first).json() == INVALID
        assert refresh(app, second["refresh_token"]).json() == INVALID
        assert api.call("GET", OWN, second["access_token"]).json()["errorCode"] == "OAU-213"

    def test_an_expired_refresh_token_is_refused(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        body = tokens(app, credential)
        RefreshToken.objects.update(expires_at=timezone.now())
        assert refresh(app, body["refresh_token"]).json() == INVALID

    def test_another_clients_token(
        self, app: api.App, credential: JwtCredential, rebels: Rebels
    ) -> None:
        body = tokens(app, credential)
        other = api.app(rebels.luke, issues_refresh_tokens=True)
        assert refresh(other, body["refresh_token"]).json() == INVALID
        assert refresh(app, body["refresh_token"]).status_code == 200

    def test_a_refresh_runs_the_checks_of_an_exchange(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        body = tokens(app, credential)
        owner = credential.extension.user
        revoke_jwt_credential(credential, reason="x", actor=owner, origin=cast.ORIGIN)
        refused = refresh(app, body["refresh_token"]).json()
        assert refused["errors"][0]["errorCode"] == "JWT-102"

    def test_an_app_that_issues_no_refresh_tokens_is_refused(
        self, credential: JwtCredential, rebels: Rebels
    ) -> None:
        silent = api.app(rebels.luke)
        assert "refresh_token" not in tokens(silent, credential)
        assert refresh(silent, "rt_x").json() == api.oauth_error(
            "unauthorized_client",
            "OAU-251",
            "This app does not use refresh tokens. Turn them on in the app's settings.",
        )

    def test_a_refresh_counts_as_a_use_of_the_credential(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        refresh(app, tokens(app, credential)["refresh_token"])
        assert ExchangeUsage.objects.get().exchanges == 2

    @pytest.mark.parametrize(
        ("value", "hint"),
        [
            ("rt_unknown", ""),
            ("a" * 5000, ""),
            ("\x00", "The refresh token has an invisible character or one outside ASCII."),
            ("é", "The refresh token has an invisible character or one outside ASCII."),
            ("eyJ.eyJ.x", "The refresh token is cut off: its end is missing."),
        ],
    )
    def test_any_other_string_is_refused_as_refresh_token(
        self, app: api.App, value: str, hint: str
    ) -> None:
        message = INVALID["errors"][0]["message"]
        expected = api.oauth_error("invalid_grant", "JWT-108", message, hint)
        assert refresh(app, value).json() == expected


class TestRevocation:
    """RFC 7009."""

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_either_token_ends_the_session(
        self, app: api.App, credential: JwtCredential, kind: str
    ) -> None:
        body = tokens(app, credential)
        response = oauth(app, "revoke", token=body[kind])
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["Cache-Control"] == "no-store"
        assert api.call("GET", OWN, body["access_token"]).json()["errorCode"] == "OAU-213"
        assert refresh(app, body["refresh_token"]).json() == INVALID
        assert api.exchange(app, credential.encode()).status_code == 200

    def test_revoking_another_clients_token_changes_nothing(
        self, app: api.App, credential: JwtCredential, rebels: Rebels
    ) -> None:
        body = tokens(app, credential)
        other = api.app(rebels.luke)
        for token in (body["access_token"], body["refresh_token"]):
            assert oauth(other, "revoke", token=token).status_code == 200
        assert api.call("GET", OWN, body["access_token"]).status_code == 200
        assert refresh(app, body["refresh_token"]).status_code == 200

    def test_a_revocation_needs_a_token_and_an_authentic_client(self, app: api.App) -> None:
        assert oauth(app, "revoke").json()["errors"][0]["errorCode"] == "CMN-101"
        anonymous = api.program().post(
            "/sandbox/restapi/oauth/revoke", "token=x", content_type=api.FORM
        )
        assert anonymous.status_code == 401
        assert api.program().get("/sandbox/restapi/oauth/revoke").status_code == 405

    def test_a_credential_can_not_be_revoked_as_a_token(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        assert oauth(app, "revoke", token=credential.encode()).status_code == 200
        assert api.exchange(app, credential.encode()).status_code == 200


class TestIntrospection:
    """Who gets an answer, and when. The bodies are in the tests of RFC 7662."""

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_another_clients_token(
        self, app: api.App, credential: JwtCredential, rebels: Rebels, kind: str
    ) -> None:
        body = tokens(app, credential)
        other = api.app(rebels.luke)
        assert oauth(other, "introspect", token=body[kind]).json() == {"active": False}

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_introspection_of_a_token_that_no_longer_works(
        self, app: api.App, credential: JwtCredential, kind: str
    ) -> None:
        body = tokens(app, credential)
        owner = credential.extension.user
        revoke_jwt_credential(credential, reason="x", actor=owner, origin=cast.ORIGIN)
        assert oauth(app, "introspect", token=body[kind]).json() == {"active": False}

    def test_a_resource_server_sees_every_access_token(
        self, app: api.App, credential: JwtCredential, rebels: Rebels
    ) -> None:
        body = tokens(app, credential)
        server = api.app(rebels.leia)
        call_command("mark_resource_server", server.client_id)
        assert oauth(server, "introspect", token=body["access_token"]).json()["active"] is True
        assert oauth(server, "introspect", token=body["refresh_token"]).json() == {"active": False}
        event = AuditEvent.objects.get(kind=AuditKind.CLIENT_MARKED)
        assert event.details == {"is_resource_server": True}
        call_command("mark_resource_server", server.client_id, "--undo")
        assert oauth(server, "introspect", token=body["access_token"]).json() == {"active": False}
        with pytest.raises(CommandError, match="No app has this client ID"):
            call_command("mark_resource_server", "unknown")


class TestVerify:
    PATH = "/sandbox/restapi/oauth/verify"

    def test_a_valid_token_gets_204_and_its_facts_as_headers(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        body = tokens(app, credential)
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        response = api.program().get(self.PATH, headers=headers)
        assert response.status_code == 204
        assert response.headers["X-Owner-Id"] == body["owner_id"]
        assert response.headers["X-Client-Id"] == app.client_id
        assert response.headers["X-Scope"] == body["scope"]
        assert response.headers["Cache-Control"] == "no-store"

    def test_a_missing_token_and_a_revoked_one_get_401(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        assert api.program().get(self.PATH).status_code == 401
        body = tokens(app, credential)
        in_query = api.program().get(f"{self.PATH}?access_token={body['access_token']}")
        assert in_query.status_code == 401
        oauth(app, "revoke", token=body["access_token"])
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        response = api.program().get(self.PATH, headers=headers)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        assert response["Link"] == '<http://localhost:8000/docs/errors#OAU-213>; rel="help"'


class TestPublishedKeys:
    """RFC 7517 §5, RFC 9068 §4."""

    def test_a_resource_server_verifies_offline(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        token = tokens(app, credential)["access_token"]
        response = api.program().get("/sandbox/restapi/oauth/jwks")
        assert response.headers["Cache-Control"] == "public, max-age=300"
        keys = {jwk["kid"]: jwk for jwk in response.json()["keys"]}
        claims = jwt.decode(
            token,
            PyJWK(keys[jwt.get_unverified_header(token)["kid"]]),
            algorithms=["ES256"],
            audience="http://localhost:8000/sandbox/restapi",
            issuer="http://localhost:8000/sandbox",
        )
        assert claims["client_id"] == app.client_id
        assert all(
            set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"} for jwk in keys.values()
        )

    def test_keys_of_credentials_are_never_published(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        tokens(app, credential)
        kids = {
            jwk["kid"]
            for environment in Environment
            for jwk in api.program().get(f"/{environment}/restapi/oauth/jwks").json()["keys"]
        }
        assert kids
        assert credential.signing_key_id not in kids

    def test_a_retired_key_is_published_until_its_last_token_ends(
        self, app: api.App, credential: JwtCredential
    ) -> None:
        token = tokens(app, credential)["access_token"]
        purpose = KeyPurpose.ACCESS_TOKEN
        rotate_signing_key(Environment.SANDBOX, purpose, compromised=False, origin=cast.ORIGIN)
        path = "/sandbox/restapi/oauth/jwks"
        retired = {jose.parse_token(token).kid}
        published = {key["kid"] for key in api.program().get(path).json()["keys"]}
        assert (len(published), published & retired) == (3, retired)
        assert api.call("GET", OWN, token).status_code == 200
        rotate_signing_key(Environment.SANDBOX, purpose, compromised=True, origin=cast.ORIGIN)
        after = {key["kid"] for key in api.program().get(path).json()["keys"]}
        # The distrusted key is gone, and so is the next key, which was stored with it.
        assert (len(after), after & published) == (3, retired)


class TestMetadata:
    """RFC 8414 §2 and §3."""

    @pytest.mark.parametrize(
        "path",
        [
            "/.well-known/oauth-authorization-server/sandbox",
            "/sandbox/.well-known/oauth-authorization-server",
        ],
    )
    def test_the_document_has_the_members_of_the_contract(self, db: None, path: str) -> None:
        base = "http://localhost:8000/sandbox"
        methods = ["client_secret_basic", "client_secret_post"]
        assert api.program().get(path).json() == {
            "issuer": base,
            "token_endpoint": f"{base}/restapi/oauth/token",
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint": f"{base}/restapi/oauth/revoke",
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint": f"{base}/restapi/oauth/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "revoke_leaked_endpoint": f"{base}/restapi/oauth/revoke-leaked",
            "jwks_uri": f"{base}/restapi/oauth/jwks",
            "protected_resources": [f"{base}/restapi"],
            "grant_types_supported": [api.GRANT_TYPE, "refresh_token"],
            "response_types_supported": [],
            "scopes_supported": ["ReadAccounts", "EditExtensions", "EditAccounts", "Accounts"],
        }


def test_sessions_without_valid_tokens_are_deleted(app: api.App, credential: JwtCredential) -> None:
    body = tokens(app, credential)
    oauth(app, "revoke", token=body["refresh_token"])
    assert forget_dead_sessions() == 0
    later = timezone.now() + timedelta(days=8)
    assert forget_dead_sessions(at=later) == 2
    assert not RefreshToken.objects.exists()
    assert not EndedSession.objects.exists()
