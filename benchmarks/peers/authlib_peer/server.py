"""Authlib's Django server with its JWT bearer grant (RFC 7523) and its JWT access tokens."""

import json
import os
from typing import Any

from authlib.integrations.django_oauth2 import AuthorizationServer
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from joserfc import jwk

from benchmarks.peers.authlib_peer.models import OAuth2Client, OAuth2Token, Permission, Person

AUDIENCE = "http://localhost/token"
KEY = jwk.ECKey.import_key(json.loads(os.environ["AUTHLIB_SIGNING_JWK"]))


class Grant(JWTBearerGrant):  # type: ignore[misc]
    def resolve_issuer_client(self, issuer: str) -> OAuth2Client | None:
        return OAuth2Client.objects.filter(client_id=issuer).first()

    def resolve_client_public_key(self, client: OAuth2Client) -> jwk.ECKey:
        return jwk.ECKey.import_key(client.public_jwk)

    def authenticate_user(self, subject: str) -> Person | None:
        return Person.objects.filter(pk=subject, is_active=True).first()

    def get_audiences(self) -> list[str]:
        return [AUDIENCE]

    def has_granted_permission(self, client: OAuth2Client, user: Person) -> bool:
        return Permission.objects.filter(client=client, person=user, revoked_at=None).exists()


class Generator(JWTBearerTokenGenerator):  # type: ignore[misc]
    def get_jwks(self) -> jwk.ECKey:
        return KEY


server = AuthorizationServer(OAuth2Client, OAuth2Token)
server.register_grant(Grant)
server.register_token_generator("default", Generator("http://localhost", alg="ES256"))


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    response: Any = server.create_token_response(request)
    return HttpResponse(response) if isinstance(response, str) else response


urlpatterns = [path("token", token)]
