"""Refused requests of every kind, each with what must change for it to be refused."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test.utils import override_settings
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import ConsoleRole
from credentials import jose
from credentials.actions.clients import suspend_client
from credentials.models import (
    Application,
    EndedSession,
    JwtCredential,
    Policy,
)
from credentials.models.signing_keys import KeyPurpose
from credentials.throttle import LimitGroup
from tests import api, cast
from tests.api import PRODUCTION, App
from tests.conftest import Rebels

ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


@dataclass
class Scene:
    """Luke's app and Luke's credential, and the tokens that came of them."""

    rebels: Rebels
    app: App
    credential: JwtCredential
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def jwt(self) -> str:
        return self.credential.encode()

    def exchange(self, scope: str = "") -> Any:
        return api.exchange(self.app, self.jwt, scope=scope)

    def refresh(self, refresh_token: str = "", **extra: Any) -> Any:
        token = refresh_token or self.tokens["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return api.post(form, self.app.authorization, **extra)

    def call(self, method: str = "GET", path: str = "/account/~", **extra: Any) -> Any:
        return api.call(method, path, self.tokens["access_token"], **extra)


Change = Callable[[Scene], Any]


def revoke(scene: Scene) -> None:
    JwtCredential.objects.update(
        revoked_at=timezone.now(), revoked_by=scene.rebels.luke.user, revoked_reason="Lost"
    )


def expire(scene: Scene) -> None:
    JwtCredential.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    scene.credential = JwtCredential.objects.select_related("extension", "signing_key").get()


def narrow(scene: Scene) -> None:
    JwtCredential.objects.update(app_access="specific")


def demote(scene: Scene) -> None:
    Membership.objects.filter(pk=scene.rebels.luke.pk).update(role=ConsoleRole.NO_ACCESS)


def forbid(scene: Scene) -> None:
    Policy.objects.create(
        organization=scene.rebels.organization, environment="sandbox", all_apps_allowed=False
    )


def fence(scene: Scene) -> None:
    JwtCredential.objects.update(allowed_networks=["192.0.2.0/24"])


def pause(scene: Scene) -> None:
    at = timezone.now()
    JwtCredential.objects.update(
        paused_until=at + timedelta(hours=1), paused_at=at, paused_by=scene.rebels.luke.user
    )


def cap(scene: Scene) -> None:
    JwtCredential.objects.update(ceiling=["NoLongerOffered"])


def suspend(scene: Scene) -> None:
    suspend_client(scene.app.client, actor=scene.rebels.luke.user, origin=cast.ORIGIN)


def settings(**values: Any) -> Change:
    def change(scene: Scene) -> None:
        Application.objects.update(**values)

    return change


def nothing(scene: Scene) -> None:
    pass


def end_session(scene: Scene) -> None:
    EndedSession.objects.create(
        session_id=scene.tokens["endpoint_id"], forget_after=timezone.now() + timedelta(days=9)
    )


def used_twice(scene: Scene) -> Any:
    first = scene.tokens["refresh_token"]
    second = scene.refresh(first).json()["refresh_token"]
    scene.refresh(second)
    return scene.refresh(first)


def outdated(scene: Scene) -> Any:
    at = int(timezone.now().timestamp())
    token = api.signed(
        claims_of(scene.tokens["access_token"]) | {"iat": at - 999, "exp": at - 1},
        purpose=KeyPurpose.ACCESS_TOKEN,
        token_type=jose.ACCESS_TOKEN_TYPE,
    )
    return api.call("GET", "/account/~", token)


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def in_production(scene: Scene) -> Any:
    client, secret = cast.client(scene.app.application, PRODUCTION)
    return api.exchange(App(scene.app.application, client, secret), scene.jwt,
                        environment=PRODUCTION)  # fmt: skip


def at_limit(request: Callable[[], Any]) -> Any:
    """The second of two requests where the window has room for one."""
    with override_settings(RATE_LIMITS=dict.fromkeys(LimitGroup, (1, 60))):
        request()
        return request()


def grant(**form: str) -> Callable[[Scene], Any]:
    return lambda scene: api.post(
        {"grant_type": api.GRANT_TYPE, "assertion": "x"} | form, scene.app.authorization
    )


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["errorCode"])


def fixes(page: Any) -> dict[str, str]:
    shown = page.context.get("explanation") or page.context["dry_run"]
    return {fix.text: fix.url for fix in shown.fixes}
