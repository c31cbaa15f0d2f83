"""Failures of other authorization servers: who still gets a token, and who learns about one."""

import base64
import re
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from accounts.actions.extensions import change_extension
from accounts.actions.memberships import deactivate
from accounts.models.extensions import ExtensionStatus
from credentials import jose
from credentials.actions.applications import update_application
from credentials.actions.clients import suspend_client
from credentials.actions.signing_keys import rotate_signing_key
from credentials.models import JwtCredential, RefreshToken
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.credentials.scenes import claims_of
from tests.peers.conftest import WORKS, World, code_of

OWNER_GONE: list[object] = ["JWT-106", "JWT-106", "OAU-213", False, False]


def leave(world: World) -> None:
    leia = world.rebels.leia.user
    deactivate(world.rebels.luke, actor=leia, origin=cast.ORIGIN)


def settings_of(world: World, **changed: Any) -> None:
    application = world.app.application
    values = {
        "name": application.name,
        "description": application.description,
        "is_public": application.is_public,
        "scopes": application.scopes,
        "uses_jwt_flow": application.uses_jwt_flow,
        "issues_refresh_tokens": application.issues_refresh_tokens,
    }
    luke = world.rebels.luke.user
    update_application(application, actor=luke, origin=cast.ORIGIN, **(values | changed))


# --- People and clients that are disabled ---------------------------------------------------------


def test_keycloak_cve_2026_1609(world: World) -> None:
    """Keycloak's JWT grant gave tokens for disabled users."""
    assert world.answers == WORKS
    leave(world)
    assert code_of(world.exchange()) == "JWT-106"


def test_keycloak_cve_2025_14559(world: World) -> None:
    """Keycloak's token exchange gave access and refresh tokens for disabled users."""
    leave(world)
    before = RefreshToken.objects.count()
    assert world.answers == OWNER_GONE
    assert RefreshToken.objects.count() == before


def test_zitadel_cve_2023_22492(world: World) -> None:
    """ZITADEL kept the refresh tokens of locked and deactivated users valid."""
    leave(world)
    assert code_of(world.refresh()) == "JWT-106"


def test_zitadel_cve_2024_47000(world: World) -> None:
    """ZITADEL let deactivated service accounts continue to request tokens."""
    login = world.credential.extension
    leia = world.rebels.leia.user
    change_extension(
        login,
        user_role=login.user_role,
        status=ExtensionStatus.DISABLED,
        actor=leia,
        origin=cast.ORIGIN,
    )
    assert world.answers == OWNER_GONE


def test_zitadel_cve_2024_46999(world: World) -> None:
    """ZITADEL put deactivated grants into new tokens, and called them active."""
    login = world.credential.extension
    leia = world.rebels.leia.user
    before = claims_of(world.access_token)
    change_extension(
        login, user_role="read_only", status=ExtensionStatus.ENABLED, actor=leia, origin=cast.ORIGIN
    )
    claims = claims_of(world.exchange().json()["access_token"])
    assert set(claims["entitlements"]) < set(before["entitlements"])
    assert world.introspect()["permissions"] == list(claims["entitlements"])


def test_gitea_cve_2026_128359(world: World) -> None:
    """Gitea gave tokens to disabled users, and its introspection called them active."""
    leave(world)
    assert world.introspect(app=world.server) == {"active": False}
    assert world.introspect(world.refresh_token) == {"active": False}


def test_allauth_cve_2025_65430(world: World) -> None:
    """allauth accepted tokens that an inactive user had been given before."""
    leave(world)
    assert code_of(world.call()) == "OAU-213"
    assert (
        api.program()
        .get(
            "/sandbox/restapi/oauth/verify",
            headers={"Authorization": f"Bearer {world.access_token}"},
        )
        .status_code
        == 401
    )


def test_authentik_cve_2025_64521(world: World) -> None:
    """authentik authenticated the service account of a client that had been deactivated."""
    luke = world.rebels.luke.user
    suspend_client(world.app.client, actor=luke, origin=cast.ORIGIN)
    assert [code_of(world.exchange()), code_of(world.refresh())] == ["OAU-146", "OAU-146"]
    assert code_of(world.call()) == "OAU-213"


# --- Issuers, keys and clients that lost our trust ------------------------------------------------


def distrust(purpose: KeyPurpose) -> None:
    rotate_signing_key(api.SANDBOX, purpose, compromised=True, origin=cast.ORIGIN)


def test_keycloak_cve_2026_1486(world: World) -> None:
    """Keycloak's JWT grant accepted assertions of an issuer that an administrator had disabled."""
    distrust(KeyPurpose.CREDENTIAL)
    assert code_of(world.exchange()) == "JWT-101"


def test_keycloak_cve_2026_8922(world: World) -> None:
    """Keycloak's introspection ignored that all earlier tokens had been revoked at once."""
    distrust(KeyPurpose.ACCESS_TOKEN)
    assert world.introspect() == world.introspect(app=world.server) == {"active": False}
    assert code_of(world.call()) == "OAU-149"


def test_keycloak_cve_2026_79652(world: World) -> None:
    """Keycloak's JWT grant gave tokens to a client that the user had not consented to."""
    luke = world.rebels.luke
    chosen = cast.credential(luke, label="Chosen", clients=[world.other.client])
    assert code_of(api.exchange(world.app, chosen.encode())) == "JWT-105"
    assert code_of(api.exchange(world.other, chosen.encode())) == ""


def test_keycloak_ghsa_895x_rfqp_jh5c(world: World) -> None:
    """Keycloak kept refreshing offline sessions after the client had lost the right to them."""
    settings_of(world, issues_refresh_tokens=False)
    assert code_of(world.refresh()) == "OAU-251"
    assert "refresh_token" not in world.exchange().json()


# --- Refresh tokens -------------------------------------------------------------------------------


def used_twice(world: World) -> Any:
    second = world.refresh().json()["refresh_token"]
    third = world.refresh(second)
    assert code_of(third) == ""
    return third.json()


def test_gitea_cve_2026_26232(world: World) -> None:
    """Gitea didn't enforce that an authorization code works only once."""
    newest = used_twice(world)
    assert code_of(world.refresh()) == "JWT-108"
    assert code_of(world.call(newest["access_token"])) == "OAU-213"


def test_keycloak_cve_2026_9802(world: World) -> None:
    """Keycloak forgot in a restart which refresh tokens had been used."""
    used_twice(world)
    cache.clear()
    jose.unseal.cache_clear()
    assert code_of(world.refresh()) == "JWT-108"


def test_keycloak_cve_2026_1035(world: World) -> None:
    """Keycloak checked and marked a refresh token in two steps, so two requests could use it."""
    first, second = world.refresh().json(), world.refresh().json()
    assert first["refresh_token"] == second["refresh_token"]
    assert RefreshToken.objects.filter(session_id=world.tokens["endpoint_id"]).count() == 2


def test_keycloak_cve_2026_96460(world: World) -> None:
    """Keycloak gave exchanged tokens a fresh lifetime, so that a chain of them never ended."""
    at = timezone.now()
    JwtCredential.objects.filter(pk=world.credential.pk).update(
        expires_at=at + timedelta(minutes=5)
    )
    token = world.refresh_token
    for _ in range(3):
        body = world.refresh(token).json()
        assert body["expires_in"] <= 300
        assert body["refresh_token_expires_in"] <= 300
        token = body["refresh_token"]


def test_zitadel_cve_2026_55672(world: World) -> None:
    """ZITADEL didn't bind codes and refresh tokens to the client that had received them."""
    assert code_of(world.refresh(app=world.other)) == "JWT-108"
    assert code_of(world.refresh()) == ""


def test_zitadel_cve_2026_56668(world: World) -> None:
    """ZITADEL exchanged a token for one with more scopes than it had."""
    narrow = world.exchange(scope="ReadAccounts").json()["refresh_token"]
    wider = world.refresh(narrow, scope="EditAccounts").json()
    assert (wider["error"], wider["errors"][0]["errorCode"]) == ("invalid_scope", "CMN-101")
    assert world.refresh(narrow).json()["scope"] == "ReadAccounts"


def test_zitadel_cve_2026_27840(world: World) -> None:
    """ZITADEL accepted opaque tokens that had been truncated."""
    token = world.refresh_token
    for cut in (token[:-1], token[:-6], token[:43], token[1:], token + "A"):
        assert code_of(world.refresh(cut)) == "JWT-108"
        assert world.introspect(cut) == {"active": False}
    assert code_of(world.call(world.access_token[:-1])) == "OAU-149"


# --- What clients learn, and as whom they act -----------------------------------------------------


def test_keycloak_cve_2026_37979(world: World) -> None:
    """Keycloak told any client the claims of tokens that were for another API."""
    for token in (world.access_token, world.refresh_token):
        assert world.introspect(token, app=world.other) == {"active": False}
    assert world.introspect(app=world.server)["active"]


def test_keycloak_cve_2026_18208(world: World) -> None:
    """Keycloak's answer about an inactive token still had the token's claims in another member."""
    response = api.program().post(
        "/sandbox/restapi/oauth/introspect",
        f"token={world.access_token}",
        content_type=api.FORM,
        headers={
            "Authorization": world.other.authorization,
            "Accept": "application/token-introspection+jwt",
        },
    )
    assert (response["Content-Type"], response.json()) == ("application/json", {"active": False})


def test_gitlab_cve_2021_22236(world: World) -> None:
    """GitLab issued tokens in the name of another client than the one that asked."""
    body = world.exchange(app=world.other, client_id=world.other.client_id).json()
    claims = claims_of(body["access_token"])
    assert claims["client_id"] == world.other.client_id
    mixed = api.post(
        {
            "grant_type": api.GRANT_TYPE,
            "assertion": world.credential.encode(),
            "client_id": world.app.client_id,
        },
        world.other.authorization,
    )
    assert (mixed.status_code, code_of(mixed)) == (400, "CMN-101")


# --- What a token can do --------------------------------------------------------------------------


def test_gitea_cve_2026_28699(world: World) -> None:
    """Gitea forgot the scopes of an access token that was sent with HTTP Basic."""
    token = world.exchange(scope="ReadAccounts").json()["access_token"]
    for pair in (f"{token}:x-oauth-basic", f":{token}", f"x:{token}", f"{token}:"):
        header = "Basic " + base64.b64encode(pair.encode()).decode()
        response = api.call("GET", "/account/~", HTTP_AUTHORIZATION=header)
        assert (response.status_code, code_of(response)) == (401, "OAU-123")


def test_gitea_cve_2026_70407(world: World) -> None:
    """Gitea had operations that didn't check the scopes of the token."""
    settings_of(world, scopes=["EditExtensions"])
    token = world.exchange().json()["access_token"]
    document = api.program().get("/sandbox/restapi/openapi.json").json()
    codes: dict[str, str] = {}
    for path, operations in document["paths"].items():
        target = re.sub(r"\{\w+\}", "~", path.partition("/v1.0")[2])
        for method, operation in operations.items():
            if operation.get("x-app-scope", "EditExtensions") != "EditExtensions":
                codes[f"{method} {path}"] = code_of(api.call(method.upper(), target, token, {}))
    assert len(codes) == 5
    assert set(codes.values()) == {"CMN-401"}, codes


def test_authentik_cve_2026_25748(world: World) -> None:
    """authentik let a call through if its cookie was malformed."""
    for headers in (
        {"Cookie": "authentik_proxy_=%00; session=\x01"},
        {"Cookie": "=" * 4000},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \ufffd"},
        {"Authorization": f"bearer {world.access_token} x"},
        {"Authorization": f"Bearer {world.access_token}, Bearer {world.access_token}"},
        {"Authorization": "\x00" * 99},
    ):
        response = api.program().get("/sandbox/restapi/oauth/verify", headers=headers)
        assert response.status_code == 401
        assert "X-Owner-Id" not in response


def test_admidio_ghsa_9xx5_cv6j_x533(world: World) -> None:
    """Admidio called every token active, and said that it had revoked it without doing so."""
    for token in ("x", world.access_token[:-9] + "AAAAAAAAA", world.credential.encode()):
        assert world.introspect(token) == {"active": False}
    assert world.oauth("revoke", world.refresh_token).status_code == 200
    assert (code_of(world.call()), code_of(world.refresh())) == ("OAU-213", "JWT-108")
