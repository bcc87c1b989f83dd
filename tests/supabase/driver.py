"""PyPI's `realtime`, unchanged, told what to do in lines of JSON over a socket: see tests/public_clients.py.

Whoever started this reads the port from its output; it ends when its input does.
"""

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient
from realtime.types import RealtimeAcknowledgementStatus, RealtimePostgresChangesListenEvent

Tell = Callable[..., None]


def packed(value: object) -> Any:
    """Bytes travel as `{"$bytes": base64}`."""
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(repr(value))


def unpacked(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if "$bytes" in value else value


class Channel:
    """One channel and what it may be asked to do."""

    def __init__(self, client: AsyncRealtimeClient, channel: AsyncRealtimeChannel, config: dict[str, Any]) -> None:
        self._client = client
        self._channel = channel
        self._acknowledged = (config.get("broadcast") or {}).get("ack")

    async def push(self, event: str, payload: Any) -> dict[str, Any]:
        """A push of any event: `{status, response}`."""
        answered = asyncio.get_running_loop().create_future()
        push = await self._channel.push(event, payload)

        def answer(status: str, response: Any = None) -> None:
            if not answered.done():
                found = response.model_dump() if hasattr(response, "model_dump") else response or {}
                answered.set_result({"status": status, "response": found})

        push.receive(RealtimeAcknowledgementStatus.Ok, lambda response: answer("ok", response))
        push.receive(RealtimeAcknowledgementStatus.Error, lambda response: answer("error", response))
        push.receive(RealtimeAcknowledgementStatus.Timeout, lambda: answer("timed out"))
        return await answered

    async def send(self, event: str, payload: Any, more: dict[str, Any]) -> str:
        if self._acknowledged:
            pushed = await self.push("broadcast", {"type": "broadcast", "event": event, "payload": payload, **more})
            return pushed["status"]
        await self._channel.send_broadcast(event, payload)
        return "ok"

    async def httpSend(self, event: str, payload: Any, options: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        await self._channel.http_send(event, payload, **options)
        return {"success": True}

    async def track(self, payload: Any) -> str:
        await self._channel.track(payload)
        return "sent"

    async def untrack(self) -> str:
        await self._channel.untrack()
        return "sent"

    async def presence(self) -> Any:
        return self._channel.presence_state()

    async def unsubscribe(self) -> str:
        await self._channel.unsubscribe()
        return "ok"

    async def remove(self) -> str:
        await self._client.remove_channel(self._channel)
        return "ok"


class Client:
    """One client and its channels."""

    def __init__(self, tell: Tell, url: str, key: str, options: dict[str, Any]) -> None:
        self._tell = tell
        given = {"params": options.get("params") or {}}
        for name, option, unit in (("timeout", "timeout_ms", 1_000), ("initial_backoff", "reconnect_ms", 1_000)):
            if options.get(option):
                given[name] = options[option] / unit
        if options.get("tries"):
            given["max_retries"] = options["tries"]
        self._client = AsyncRealtimeClient(f"{url}/realtime/v1", key, **given)
        self.channels: dict[str, Channel] = {}

    async def join(self, name: str, *, topic: str, config: Any, presence: bool, changes: list[Any]) -> None:
        def tell(kind: str, **found: Any) -> None:
            self._tell(kind, channel=name, **found)

        channel = self._client.channel(topic, {"config": config})
        self.channels[name] = Channel(self._client, channel, config)
        channel.on_broadcast("*", lambda message: tell("broadcast", **message))
        channel.on_system(lambda payload: tell("system", payload=payload.model_dump()))
        for change in changes:
            event = RealtimePostgresChangesListenEvent(change["event"])
            rest = {field: value for field, value in change.items() if field != "event"}
            channel.on_postgres_changes(event, lambda payload: tell("change", payload=payload), **rest)
        if presence:
            channel.on_presence_sync(lambda: tell("sync", state=channel.presence_state()))
            channel.on_presence_join(lambda key, now, new: tell("join", key=key, current=now, metas=new))
            channel.on_presence_leave(lambda key, now, left: tell("leave", key=key, current=now, metas=left))
        await channel.subscribe(
            lambda status, error: tell("status", status=status.value, error=None if error is None else str(error))
        )

    async def setAuth(self, token: str | None) -> None:  # noqa: N802
        await self._client.set_auth(token)

    async def state(self) -> str:
        return "open" if self._client.is_connected else "closed"

    async def topics(self) -> list[str]:
        return [channel.topic.removeprefix("realtime:") for channel in self._client.get_channels()]

    async def close(self) -> None:
        await self._client.close()


class Conversation:
    """One test's: its clients end with it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._clients: dict[str, Client] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, line: bytes) -> None:
        """Do what a line says; not one after another: a join may wait long."""
        task = asyncio.get_running_loop().create_task(self._do(json.loads(line, object_hook=unpacked)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, **said: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(said, default=packed).encode() + b"\n")

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for client in self._clients.values():
            with contextlib.suppress(Exception):
                await client.close()

    async def _do(self, command: dict[str, Any]) -> None:
        id = command.pop("id")
        try:
            self.tell(id=id, answer=await self._run(command))
        except Exception as problem:
            self.tell(id=id, error=str(problem) or repr(problem))

    async def _run(self, command: dict[str, Any]) -> Any:
        name, what, channel = command.pop("client"), command.pop("do"), command.pop("channel", None)
        if what == "make":
            command.pop("kind")

            def tell(kind: str, *, channel: str | None = None, **found: Any) -> None:
                self.tell(client=name, channel=channel, kind=kind, **found)

            self._clients[name] = Client(tell, **command)
            return None
        client = self._clients[name]
        if what == "join":
            return await client.join(channel, **command)
        return await getattr(client.channels[channel] if channel else client, what)(**command)


async def _arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    conversation = Conversation(writer)
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            conversation.hear(line)
    await conversation.end()
    writer.close()


async def main() -> None:
    """Serve until the input ends."""
    server = await asyncio.start_server(_arrived, "127.0.0.1", 0, limit=16_000_000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
