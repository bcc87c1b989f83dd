// Plain `phoenix`, which knows nothing of Supabase, over Node's own WebSocket.
import { Presence, Socket } from "phoenix";

const objects = {
  encode: (message, done) => done(JSON.stringify(message)),
  decode: (text, done) => done(JSON.parse(text)),
};

export const makePhoenix = ({ url, key, options }, tell) => new Made(url, key, options, tell);

class Made {
  constructor(url, key, { vsn, timeout_ms, heartbeat_ms, reconnect_ms, params }, tell) {
    this.tell = tell;
    this.channels = new Map();
    this.socket = new Socket(`${url.replace(/^http/, "ws")}/socket`, {
      ...(vsn && { vsn }),
      ...(vsn === "1.0.0" && objects),
      ...(timeout_ms && { timeout: timeout_ms }),
      ...(heartbeat_ms && { heartbeatIntervalMs: heartbeat_ms }),
      ...(reconnect_ms && { reconnectAfterMs: () => reconnect_ms, rejoinAfterMs: () => reconnect_ms }),
      transport: WebSocket,
      params: { apikey: key, ...params },
    });
    this.socket.onOpen(() => tell("socket", { state: "open" }));
    this.socket.onClose((event) => tell("socket", { state: "closed", code: event?.code ?? null }));
    this.socket.onError(() => tell("socket", { state: "error" }));
  }

  join(name, { topic, config, presence, whole }) {
    const tell = (kind, found) => this.tell(kind, found, name);
    if (!this.socket.isConnected()) this.socket.connect();
    const channel = this.socket.channel(whole ?? `realtime:${topic}`, { config });
    this.channels.set(name, new Channel(channel, config));
    channel.on("broadcast", (message) => tell("broadcast", message));
    channel.on("system", (payload) => tell("system", { payload }));
    if (presence) this.channels.get(name).watch(tell);
    channel.onClose(() => tell("status", { status: "CLOSED", error: null }));
    channel.onError((reason) => tell("status", { status: "CHANNEL_ERROR", error: reason?.reason ?? "lost" }));
    channel
      .join()
      .receive("ok", () => tell("status", { status: "SUBSCRIBED", error: null }))
      .receive("error", (response) => tell("status", { status: "CHANNEL_ERROR", error: response.reason }))
      .receive("timeout", () => tell("status", { status: "TIMED_OUT", error: null }));
  }

  state() {
    return this.socket.connectionState();
  }

  close() {
    return new Promise((resolve) => this.socket.disconnect(resolve));
  }
}

class Channel {
  constructor(channel, config) {
    this.channel = channel;
    this.acknowledged = config.broadcast?.ack;
  }

  watch(tell) {
    this.members = new Presence(this.channel);
    this.members.onSync(() => tell("sync", { state: this.members.state }));
    this.members.onJoin((key, current, joined) => tell("join", { key, current: current?.metas ?? [], metas: joined.metas }));
    this.members.onLeave((key, current, left) => tell("leave", { key, current: current.metas, metas: left.metas }));
  }

  /** A push of any event: `{status, response}`. */
  push({ event, payload }) {
    return new Promise((resolve) => {
      this.channel
        .push(event, payload)
        .receive("ok", (response) => resolve({ status: "ok", response }))
        .receive("error", (response) => resolve({ status: "error", response }))
        .receive("timeout", () => resolve({ status: "timed out", response: {} }));
    });
  }

  async send({ event, payload, more }) {
    const pushed = this.push({ event: "broadcast", payload: { type: "broadcast", event, payload, ...more } });
    return this.acknowledged ? (await pushed).status : "ok";
  }

  async track({ payload }) {
    return (await this.push({ event: "presence", payload: { type: "presence", event: "track", payload } })).status;
  }

  async untrack() {
    return (await this.push({ event: "presence", payload: { type: "presence", event: "untrack" } })).status;
  }

  presence() {
    return this.members.state;
  }

  unsubscribe() {
    return new Promise((resolve) => {
      this.channel
        .leave()
        .receive("ok", () => resolve("ok"))
        .receive("timeout", () => resolve("timed out"));
    });
  }
}
