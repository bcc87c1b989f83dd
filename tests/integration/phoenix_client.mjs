// The official phoenix client, unchanged, in a room: node phoenix_client.mjs CLIENT URL VSN ROOM DJ_TOKEN GUEST_TOKEN TRACK
// Prints one line of JSON a step; after "restart" whoever started this kills the server and starts it again.
const [clientFile, url, vsn, room, djToken, guestToken, track] = process.argv.slice(2);
const { Socket } = await import(clientFile);
const topic = `room:${room}`;

const objects = {
  encode: (message, callback) => callback(JSON.stringify(message)),
  decode: (text, callback) => callback(JSON.parse(text)),
};

const tell = (step, found) => console.log(JSON.stringify({ step, ...found }));
const fail = (why) => {
  tell("failed", { why: String(why) });
  process.exit(1);
};
setTimeout(() => fail("too slow"), 60_000).unref();

const socketOf = () => {
  const socket = new Socket(url, {
    transport: WebSocket,
    vsn,
    reconnectAfterMs: () => 100,
    rejoinAfterMs: () => 100,
    ...(vsn === "1.0.0" ? objects : {}),
  });
  socket.connect();
  return socket;
};
const answered = (push) =>
  new Promise((resolve, reject) => {
    push
      .receive("ok", (response) => resolve({ ok: response }))
      .receive("error", (response) => resolve({ error: response }))
      .receive("timeout", () => reject(new Error("timeout")));
  });
const heard = (channel, event, wanted = () => true) =>
  new Promise((resolve) => {
    const ref = channel.on(event, (payload) => {
      if (wanted(payload)) {
        channel.off(event, ref);
        resolve(payload);
      }
    });
  });

const [djSocket, guestSocket] = [socketOf(), socketOf()];
const dj = djSocket.channel(topic, { access_token: djToken, device: "decks" });
const guest = guestSocket.channel(topic, { access_token: guestToken });
const djJoins = []; // phoenix calls its hooks again at every rejoin
const rejoined = new Promise((resolve) => {
  dj.joinPush.receive("ok", (reply) => djJoins.push(reply) > 1 && resolve(reply));
});
tell("join", { dj: (await answered(dj.join())).ok.me.role, guest: (await answered(guest.join())).ok.me.role });

const chat = heard(guest, "chat");
const said = (await answered(dj.push("chat:send", { text: "hello 🎧", nonce: "n1" }))).ok;
const again = (await answered(dj.push("chat:send", { text: "hello 🎧", nonce: "n1" }))).ok;
tell("chat", { heard: (await chat).text, same: said.id === again.id });

const playing = heard(guest, "playback", (now) => now.playing);
await answered(dj.push("queue:add", { track_id: track, nonce: "q1" }));
await answered(dj.push("playback:play", {}));
tell("play", { device: (await playing).device });
const paused = heard(guest, "playback", (now) => !now.playing && now.position_ms === 500);
await answered(dj.push("playback:pause", {}));
await answered(dj.push("playback:seek", { position_ms: 500 }));
tell("seek", { position_ms: (await paused).position_ms });
tell("forbidden", { code: (await answered(guest.push("playback:play", {}))).error.reason });

// phoenix.js 1.8 tells two joins of a topic apart by `join_ref`, which version 1.0.0 does not carry.
let member = guest;
if (vsn !== "1.0.0") {
  member = guestSocket.channel(topic, { access_token: guestToken });
  const replaced = new Promise((resolve) => guest.onClose(resolve));
  const second = await answered(member.join());
  await replaced;
  tell("joined twice", { listeners: second.ok.listeners, first: guest.state });
}

const unknown = guestSocket.channel("room:1", { access_token: guestToken });
const closed = new Promise((resolve) => unknown.onClose(resolve));
const refused = await answered(unknown.join());
await closed;
tell("refused", { code: refused.error.reason, state: unknown.state });

const left = new Promise((resolve) => member.onClose(resolve));
await answered(member.leave());
await left;
tell("left", { state: member.state });

tell("restart", {});
const history = (await rejoined).messages.map((message) => message.text);
tell("back", { history, said: Boolean((await answered(dj.push("chat:send", { text: "again", nonce: "n2" }))).ok.id) });
process.exit(0);
