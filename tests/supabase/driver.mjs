// Public JavaScript clients, unchanged, told what to do in lines of JSON over a socket: see tests/public_clients.py.
// Whoever started this reads the port from its output; it ends when its input does.
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { makePhoenix } from "./phoenix_client.mjs";
import { makeRealtime, makeSupabase } from "./supabase_clients.mjs";

const makers = { "realtime-js": makeRealtime, "supabase-js": makeSupabase, phoenix: makePhoenix };
const conversations = new Set();

/** Bytes travel as `{"$bytes": base64}`. */
const packed = (_, value) => {
  const bytes = value instanceof ArrayBuffer ? Buffer.from(value) : null;
  return bytes ? { $bytes: bytes.toString("base64") } : value;
};
const unpacked = (_, value) => (value?.$bytes === undefined ? value : bytesOf(value.$bytes));
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;

class Conversation {
  constructor(socket) {
    this.socket = socket;
    this.clients = new Map();
  }

  tell(said) {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(said, packed)}\n`);
  }

  async hear(line) {
    const { id, ...command } = JSON.parse(line, unpacked);
    try {
      this.tell({ id, answer: (await this.run(command)) ?? null });
    } catch (error) {
      this.tell({ id, error: String(error?.message ?? error) });
    }
  }

  run({ do: what, client: name, channel, ...details }) {
    if (what === "make") {
      const tell = (kind, found, of = null) => this.tell({ client: name, channel: of, kind, ...found });
      this.clients.set(name, makers[details.kind](details, tell));
      return null;
    }
    const client = this.clients.get(name);
    if (what === "join") return client.join(channel, details);
    return channel ? client.channels.get(channel)[what](details) : client[what](details);
  }

  end() {
    for (const client of this.clients.values()) Promise.resolve(client.close()).catch(() => {});
    conversations.delete(this);
  }
}

/** What a client throws where nobody catches it would have broken a page too. */
const thrown = (error) => {
  console.error(error);
  for (const conversation of conversations) conversation.tell({ kind: "thrown", error: String(error?.stack ?? error) });
};
process.on("uncaughtException", thrown);
process.on("unhandledRejection", thrown);

const server = createServer((socket) => {
  const conversation = new Conversation(socket);
  conversations.add(conversation);
  createInterface({ input: socket }).on("line", (line) => conversation.hear(line));
  socket.on("error", () => {});
  socket.on("close", () => conversation.end());
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
