// An orders API behind the middleware of examples/middleware, on the port that it prints.
import express from "express";
import { requires } from "./express_middleware.mjs";

const app = express();
const answer = (request, response) => response.json({ owner: request.claims.sub });
for (const [path, scope, permission] of JSON.parse(process.env.ROUTES)) {
  app.get(path, requires(scope, permission), answer);
}
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
