# Django: `@needs("orders:read", "ViewOrders")` on a view, which finds `request.claims`.
import functools
import os

import jwt
from django.http import JsonResponse

BASE_URL, AUDIENCE = os.environ["BASE_URL"], os.environ["AUDIENCE"]
KEYS = jwt.PyJWKClient(f"{BASE_URL}/restapi/oauth/jwks", lifespan=300, timeout=5)
EXPECTED = {"algorithms": ["ES256"], "issuer": BASE_URL, "audience": AUDIENCE, "leeway": 10}
EXPECTED["options"] = {"require": ["exp", "iat", "sub", "client_id", "scope", "entitlements"]}


def verified(authorization):
    scheme, _, token = authorization.partition(" ")
    decoded = jwt.decode_complete(token, KEYS.get_signing_key_from_jwt(token), **EXPECTED)
    if scheme.lower() != "bearer" or decoded["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError
    return decoded["payload"]


def needs(scope, permission=""):
    def decorated(view):
        @functools.wraps(view)
        def checked(request, *args, **kwargs):
            try:
                claims = request.claims = verified(request.headers.get("Authorization", ""))
            except jwt.PyJWKClientConnectionError:
                return JsonResponse({"message": "The keys are unavailable."}, status=503)
            except jwt.PyJWTError:
                challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return JsonResponse({"message": "Send a token."}, status=401, headers=challenge)
            if scope in claims["scope"].split() and permission in ("", *claims["entitlements"]):
                return view(request, *args, **kwargs)
            return JsonResponse({"message": f"This needs {scope} {permission}"}, status=403)

        return checked

    return decorated
