// `@supabase/realtime-js` by itself over the `ws` package, and inside `@supabase/supabase-js` over Node's own WebSocket.
import { RealtimeClient } from "@supabase/realtime-js";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

export const makeRealtime = ({ url, key, options }, tell) => {
  const made = new Made(tell);
  const accessToken = options.offers ? { accessToken: () => made.offered(key) } : {};
  const realtime = new RealtimeClient(`${url.replace(/^http/, "ws")}/realtime/v1`, {
    ...settings(options, made),
    ...accessToken,
    transport: WebSocket,
    params: { apikey: key, ...options.params },
  });
  return made.with(realtime, realtime);
};

export const makeSupabase = ({ url, key, options }, tell) => {
  const made = new Made(tell);
  const accessToken = options.offers ? { accessToken: () => made.offered(key) } : {};
  const supabase = createClient(url, key, {
    ...accessToken,
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { ...settings(options, made), params: options.params },
  });
  return made.with(supabase, supabase.realtime);
};

const settings = ({ vsn, timeout_ms, heartbeat_ms, reconnect_ms }, made) => ({
  ...(vsn && { vsn }),
  ...(timeout_ms && { timeout: timeout_ms }),
  ...(heartbeat_ms && { heartbeatIntervalMs: heartbeat_ms }),
  ...(reconnect_ms && { reconnectAfterMs: () => reconnect_ms }),
  heartbeatCallback: (status) => made.tell("heartbeat", { status }),
  logger: () => {},
});

class Made {
  constructor(tell) {
    this.tell = tell;
    this.channels = new Map();
    this.token = null;
  }

  with(maker, realtime) {
    this.maker = maker;
    this.realtime = realtime;
    return this;
  }

  async offered(key) {
    return this.token ?? key;
  }

  /** What the `accessToken` callback says from now on. */
  offer({ token }) {
    this.token = token;
  }

  join(name, { topic, config, presence, changes }) {
    const tell = (kind, found) => this.tell(kind, found, name);
    const channel = this.maker.channel(topic, { config });
    this.channels.set(name, new Channel(this, channel));
    channel.on("broadcast", { event: "*" }, (message) => tell("broadcast", message));
    channel.on("system", {}, (payload) => tell("system", { payload }));
    for (const change of changes) channel.on("postgres_changes", change, (payload) => tell("change", { payload }));
    if (presence) {
      channel.on("presence", { event: "sync" }, () => tell("sync", { state: channel.presenceState() }));
      channel.on("presence", { event: "join" }, (found) => tell("join", named(found)));
      channel.on("presence", { event: "leave" }, (found) => tell("leave", named(found)));
    }
    channel.subscribe((status, error) => tell("status", { status, error: error?.message ?? null }));
  }

  setAuth({ token }) {
    return this.realtime.setAuth(token);
  }

  state() {
    return String(this.realtime.connectionState());
  }

  topics() {
    return this.realtime.getChannels().map((channel) => channel.subTopic);
  }

  async close() {
    for (const channel of this.realtime.getChannels()) channel.teardown();
    await this.realtime.disconnect();
  }
}

const named = ({ key, currentPresences, newPresences, leftPresences }) => ({
  key,
  current: currentPresences,
  metas: newPresences ?? leftPresences,
});

class Channel {
  constructor(made, channel) {
    this.made = made;
    this.channel = channel;
  }

  send({ event, payload, more }) {
    return this.channel.send({ type: "broadcast", event, payload, ...more });
  }

  httpSend({ event, payload, options }) {
    return this.channel.httpSend(event, payload, options);
  }

  track({ payload }) {
    return this.channel.track(payload);
  }

  untrack() {
    return this.channel.untrack();
  }

  presence() {
    return this.channel.presenceState();
  }

  unsubscribe() {
    return this.channel.unsubscribe();
  }

  remove() {
    return this.made.maker.removeChannel(this.channel);
  }
}
