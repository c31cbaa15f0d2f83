# Flask: put `@requires("orders:read", "ViewOrders")` below the route. The view then has `g.claims`.
import functools
import os

import jwt
from flask import g, request

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
        def wrapper(*args, **kwargs):
            try:
                claims = g.claims = verified(request.headers.get("Authorization", ""))
            except jwt.PyJWKClientConnectionError:
                return {"message": "The signing keys are unavailable."}, 503
            except jwt.PyJWTError:
                challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return {"message": "Send a valid access token."}, 401, challenge
            if scope in claims["scope"].split() and permission in ("", *claims["entitlements"]):
                return view(*args, **kwargs)
            needed = " and ".join(filter(None, (scope, permission)))
            return {"message": f"This call requires {needed}."}, 403

        return wrapper

    return decorator
