// The vendor's SDK for JavaScript, unmodified: log in, call, refresh, call, log out.
import ringcentral from "@ringcentral/sdk";

const sdk = new ringcentral.SDK({
  server: process.env.BASE_URL,
  clientId: process.env.CLIENT_ID,
  clientSecret: process.env.CLIENT_SECRET,
});
const platform = sdk.platform();
const seen = {};

await platform.login({ jwt: process.env.JWT });
const first = (await platform.auth().data()).access_token;
seen.account = (await (await platform.get("/restapi/v1.0/account/~")).json()).status;

await platform.refresh();
const second = (await platform.auth().data()).access_token;
seen.refreshed = first !== second;
const extension = await (await platform.get("/restapi/v1.0/account/~/extension/~")).json();
seen.email = extension.contact.email;

try {
  await platform.put("/restapi/v1.0/account/~/business-address", { company: "Jedi Temple" });
} catch (error) {
  const body = await error.response.json();
  seen.refused = [error.response.status, body.errorCode, body.errors[0].permissionName];
}

await platform.logout();
const after = await fetch(`${process.env.BASE_URL}/restapi/v1.0/account/~`, {
  headers: { Authorization: `Bearer ${second}` },
});
seen.ended = [after.status, (await after.json()).errorCode];

console.log(JSON.stringify(seen));
