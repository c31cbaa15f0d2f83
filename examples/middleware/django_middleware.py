# Django: put `@requires("orders:read", "ViewOrders")` on a view, which then has `request.claims`.
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


def requires(scope, permission=""):
    def decorator(view):
        @functools.wraps(view)
        def wrapper(request, *args, **kwargs):
            try:
                claims = request.claims = verified(request.headers.get("Authorization", ""))
            except jwt.PyJWKClientConnectionError:
                return JsonResponse({"message": "The signing keys are unavailable."}, status=503)
            except jwt.PyJWTError:
                headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return JsonResponse({"message": "Send a valid token."}, status=401, headers=headers)
            if scope in claims["scope"].split() and permission in ("", *claims["entitlements"]):
                return view(request, *args, **kwargs)
            needed = " and ".join(filter(None, (scope, permission)))
            return JsonResponse({"message": f"This call requires {needed}."}, status=403)

        return wrapper

    return decorator
