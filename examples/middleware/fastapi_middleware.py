# FastAPI: `@app.get("/orders", dependencies=[Depends(requires("orders:read", "ViewOrders"))])`.
# Starlette: `claims = await requires("orders:read", "ViewOrders")(request)` in an endpoint.

import os

import jwt
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

BASE_URL, AUDIENCE = os.environ["BASE_URL"], os.environ["AUDIENCE"]
KEYS = jwt.PyJWKClient(f"{BASE_URL}/restapi/oauth/jwks", lifespan=300, timeout=5)
EXPECTED = {"algorithms": ["ES256"], "issuer": BASE_URL, "audience": AUDIENCE, "leeway": 10}
EXPECTED["options"] = {"require": ["exp", "iat", "sub", "client_id", "scope", "entitlements"]}


def verified(authorization):
    scheme, _, token = authorization.partition(" ")
    try:
        decoded = jwt.decode_complete(token, KEYS.get_signing_key_from_jwt(token), **EXPECTED)
        if scheme.lower() != "bearer" or decoded["header"].get("typ") != "at+jwt":
            raise jwt.InvalidTokenError
    except jwt.PyJWKClientConnectionError as error:
        raise HTTPException(503, "The signing keys are unavailable.") from error
    except jwt.PyJWTError as error:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "Send a valid access token.", challenge) from error
    return decoded["payload"]


def requires(scope, permission=""):
    async def claims(request: Request):
        found = await run_in_threadpool(verified, request.headers.get("Authorization", ""))
        if scope not in found["scope"].split():
            raise HTTPException(403, f"The app lacks the scope {scope}.")
        if permission not in ("", *found["entitlements"]):
            raise HTTPException(403, f"The user lacks the permission {permission}.")
        return found

    return claims
