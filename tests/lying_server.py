"""A socket server that says what a test tells it to, true or not: for what a client must notice by itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

ROOM = {"id": "7", "slug": "seven", "title": "Seven", "state": "open", "rev": 1, "settings": {}}
PERSON = {"id": "1", "name": "Dee", "role": "dj"}
SILENCE = {
    "rev": 1,
    "entry_id": None,
    "track": None,
    "position_ms": 0,
    "anchor_ms": 0,
    "rate": 1,
    "playing": False,
    "device": None,
}


def join_reply(seq: int, **more: Any) -> dict[str, Any]:
    """An answer to a join, at that position."""
    return {
        "room": {**ROOM, "dj": PERSON},
        "playback": SILENCE,
        "queue": {"rev": 1, "entries": []},
        "listeners": 1,
        "me": None,
        "position": {"epoch": "e", "seq": seq, "key": f"k{seq}"},
        "messages": [],
        **more,
    }


def chat(seq: int, prev: int, *, id: int | None = None) -> dict[str, Any]:
    """A chat event at that place in the log."""
    id = seq if id is None else id
    return {"seq": seq, "prev": prev, "key": f"k{seq}", "id": str(id), "user": PERSON, "text": f"t{id}", "at_ms": 1}


class LyingServer:
    """Answers each join with what `on_join(payload)` gives and then sends the events that belong to it."""

    def __init__(
        self,
        on_join: Callable[[dict[str, Any]], tuple[str, dict[str, Any], list[dict[str, Any]]]],
        on_command: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]] = lambda _event, _payload: ("ok", {}),
    ) -> None:
        self.joins: list[dict[str, Any]] = []
        self.pushed: list[tuple[str, dict[str, Any]]] = []
        self._on_join = on_join
        self._on_command = on_command
        self._sockets: set[ServerConnection] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The address at which it listens."""
        async with serve(self._talk, "127.0.0.1", 0, compression=None) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def close_all(self, code: int) -> None:
        """Close every socket with `code`."""
        await asyncio.gather(*(socket.close(code) for socket in tuple(self._sockets)))

    async def _talk(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                await self._heard(socket, json.loads(text))
        self._sockets.discard(socket)

    async def _heard(self, socket: ServerConnection, frame: list[Any]) -> None:
        join_ref, ref, topic, event, payload = frame
        if event != "phx_join":
            if event in ("heartbeat", "clock"):
                await socket.send(_reply(join_ref, ref, topic, "ok", {"t1": 0, "t2": 0, "t3": 0}))
                return
            self.pushed.append((event, payload))
            await socket.send(_reply(join_ref, ref, topic, *self._on_command(event, payload)))
            return
        self.joins.append(payload)
        status, response, events = self._on_join(payload)
        await socket.send(_reply(ref, ref, topic, status, response))
        for body in events:
            await socket.send(json.dumps([None, None, topic, "chat", body]))


def _reply(join_ref: str | None, ref: str, topic: str, status: str, response: dict[str, Any]) -> str:
    return json.dumps([join_ref, ref, topic, "phx_reply", {"status": status, "response": response}])
