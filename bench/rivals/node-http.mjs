// The ground: what Node.js itself needs to answer.
import { createServer } from "node:http";
import { announce } from "./announce.mjs";
import { AUTH } from "./answers.mjs";

const body = JSON.stringify(AUTH);
const server = createServer((_, response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }).end(body);
});
server.listen(0, "127.0.0.1", () => announce(server.address().port));
