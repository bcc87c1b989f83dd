// The peer `ws` from npm: every line of the input goes to every socket.
import readline from "node:readline";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 4096 });
server.on("listening", () => console.log(server.address().port));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  for (const socket of server.clients) socket.send(line);
  console.log("sent");
});
