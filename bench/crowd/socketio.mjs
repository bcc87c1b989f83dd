// The peer `socket.io` from npm: every line of the input goes to every socket as an event.
import { createServer } from "node:http";
import readline from "node:readline";
import { Server } from "socket.io";

const http = createServer();
const server = new Server(http, { pingInterval: 600_000, pingTimeout: 600_000, perMessageDeflate: false });
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => console.log(http.address().port));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  server.emit("said", line);
  console.log("sent");
});
