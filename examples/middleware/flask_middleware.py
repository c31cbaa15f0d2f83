# Flask: `@needs("orders:read", "ViewOrders")` below a route. The view finds `g.claims`.
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


def needs(scope, permission=""):
    def decorated(view):
        @functools.wraps(view)
        def checked(*args, **kwargs):
            try:
                claims = g.claims = verified(request.headers.get("Authorization", ""))
            except jwt.PyJWKClientConnectionError:
                return {"message": "The keys are unavailable."}, 503
            except jwt.PyJWTError:
                challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return {"message": "Send a valid access token."}, 401, challenge
            if scope in claims["scope"].split() and permission in ("", *claims["entitlements"]):
                return view(*args, **kwargs)
            return {"message": f"This needs {scope} {permission}"}, 403

        return checked

    return decorated
