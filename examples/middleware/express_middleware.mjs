// Express: `app.get("/orders", requires("orders:read", "ViewOrders"), (request, response) => ...)`.
// The handler then has `request.claims`.
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const { BASE_URL, AUDIENCE } = process.env;
const keys = createRemoteJWKSet(new URL(`${BASE_URL}/restapi/oauth/jwks`), { cacheMaxAge: 300_000 });
const expected = {
  algorithms: ["ES256"],
  audience: AUDIENCE,
  clockTolerance: 10,
  issuer: BASE_URL,
  requiredClaims: ["exp", "iat", "sub", "client_id", "scope", "entitlements"],
  typ: "at+jwt",
};
const UNAVAILABLE = ["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"];

async function verified(authorization = "") {
  const [scheme, token] = authorization.split(" ");
  if (scheme.toLowerCase() !== "bearer") throw new errors.JWTInvalid("Not a bearer token");
  return (await jwtVerify(token, keys, expected)).payload;
}

export const requires = (scope, permission) => async (request, response, next) => {
  const refuse = (status, message) => response.status(status).json({ message });
  try {
    request.claims = await verified(request.get("Authorization"));
  } catch (error) {
    const isTokenError = error instanceof errors.JOSEError && !UNAVAILABLE.includes(error.code);
    if (!isTokenError) return refuse(503, "The signing keys are unavailable.");
    response.set("WWW-Authenticate", 'Bearer error="invalid_token"');
    return refuse(401, "Send a valid access token.");
  }
  if (!request.claims.scope.split(" ").includes(scope))
    return refuse(403, `The app lacks the scope ${scope}.`);
  if (permission && !request.claims.entitlements.includes(permission))
    return refuse(403, `The user lacks the permission ${permission}.`);
  return next();
};
