// oauth4webapi refuses whatever an RFC does not allow: content types, missing members, wrong types.
import * as oauth from "oauth4webapi";

const issuer = new URL(process.env.BASE_URL);
const options = { [oauth.allowInsecureRequests]: true };
const client = { client_id: process.env.CLIENT_ID };
const seen = {};

// RFC 8414: the metadata name this issuer.
const server = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options }),
);
seen.grants = server.grant_types_supported;

for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
  const authentication = oauth[method](process.env.CLIENT_SECRET);

  // RFC 7523 §2.1, RFC 6749 §5.1.
  const granted = await oauth.processGenericTokenEndpointResponse(
    server,
    client,
    await oauth.genericTokenEndpointRequest(
      server,
      client,
      authentication,
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      { assertion: process.env.JWT },
      options,
    ),
  );

  // RFC 9068 §4, with the keys that the metadata point to.
  const resource = `${process.env.BASE_URL}/restapi/v1.0/account/~`;
  const request = new Request(resource, {
    headers: { authorization: `Bearer ${granted.access_token}` },
  });
  const claims = await oauth.validateJwtAccessToken(
    server,
    request,
    `${process.env.BASE_URL}/restapi`,
    options,
  );

  // RFC 6750 §2.1.
  const answer = await oauth.protectedResourceRequest(
    granted.access_token,
    "GET",
    new URL(resource),
    undefined,
    undefined,
    options,
  );

  // RFC 7662.
  const introspect = async (token) =>
    oauth.processIntrospectionResponse(
      server,
      client,
      await oauth.introspectionRequest(server, client, authentication, token, options),
    );
  const before = await introspect(granted.access_token);

  // RFC 6749 §6.
  const refreshed = await oauth.processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(
      server,
      client,
      authentication,
      granted.refresh_token,
      options,
    ),
  );

  // RFC 7009.
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, client, authentication, refreshed.refresh_token, options),
  );
  const after = await introspect(refreshed.access_token);

  // RFC 6749 §5.2.
  let refused;
  try {
    await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(
        server,
        client,
        authentication,
        refreshed.refresh_token,
        options,
      ),
    );
  } catch (error) {
    refused = [error.constructor.name, error.status, error.error];
  }

  seen[method] = {
    subject: claims.sub === granted.owner_id,
    status: answer.status,
    active: [before.active, after.active],
    sub: before.sub === claims.sub,
    rotated: refreshed.refresh_token !== granted.refresh_token,
    refused,
  };
}

// RFC 6750 §3: a challenge that a strict parser understands.
try {
  await oauth.protectedResourceRequest(
    "garbage",
    "GET",
    new URL(`${process.env.BASE_URL}/restapi/v1.0/account/~`),
    undefined,
    undefined,
    options,
  );
} catch (error) {
  const challenge = error.cause[0];
  seen.challenge = [error.constructor.name, challenge.scheme, challenge.parameters.error];
}

console.log(JSON.stringify(seen));
