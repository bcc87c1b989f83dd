"""A listener for tests: Phoenix channels over a real socket, keeping a log of all it was told."""

import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class Refused(Exception):
    """An error reply; `response` is what the server answered."""

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__(str(response))
        self.response = response
        self.code = response.get("code") or response.get("reason")


@dataclass
class SocketClient:
    """One socket, vsn 2.0.0. `events` holds every frame that is not a reply, in order of arrival."""

    url: str
    token: str | None = None
    supabase: bool = False
    """Connects as Supabase's clients do: at their path, with the token as API key."""
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    _refs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _joined: dict[str, str] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    closed_with: tuple[int, str] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the socket; raises OSError or a handshake error of `websockets`."""
        path = "/socket/websocket?" if not self.supabase else f"/realtime/v1/websocket?apikey={self.token}&"
        address = self.url.replace("http://", "ws://") + f"{path}vsn=2.0.0"
        self._socket = await connect(address, compression=None, max_size=None, open_timeout=20, ping_interval=None)
        self._joined.clear()
        self.closed_with = None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Close the socket and forget what was waiting."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed, OSError):
                await self._socket.close()
        if self._reader is not None:
            await self._reader
            self._reader = None

    async def lost(self) -> None:
        """Return once the socket is gone."""
        assert self._reader is not None
        await asyncio.wait([self._reader], timeout=30)

    async def join(self, topic: str, **payload: Any) -> dict[str, Any]:
        """Join `topic`; the reply's response. Raises Refused."""
        ref = str(next(self._refs))
        if self.token is not None:
            payload.setdefault("access_token", self.token)
        response = await self._ask([ref, ref, topic, "phx_join", payload], ref)
        self._joined[topic] = ref
        return response

    async def push(self, topic: str, event: str, /, **payload: Any) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises Refused, or ConnectionError when the socket is lost."""
        ref = str(next(self._refs))
        return await self._ask([self._joined.get(topic), ref, topic, event, payload], ref)

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a frame as it is."""
        assert self._socket is not None
        await self._socket.send(frame)

    async def event(self, name: str, *, after: int = 0, where: Any = None) -> dict[str, Any]:
        """The first event `name` from index `after` on for which `where(payload)` holds; waits up to 20 s for it."""

        def found() -> dict[str, Any] | None:
            for _, event, payload in self.events[after:]:
                if event == name and (where is None or where(payload)):
                    return payload
            return None

        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: found() is not None or self.closed_with is not None)
        payload = found()
        assert payload is not None, f"the socket closed before {name}: {self.closed_with}"
        return payload

    async def _ask(self, frame: list[Any], ref: str) -> dict[str, Any]:
        assert self._socket is not None
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[ref] = answer
        try:
            await self._socket.send(json.dumps(frame))
            async with asyncio.timeout(30):
                reply = await answer
        except ConnectionClosed as lost:
            raise ConnectionError("the socket is gone") from lost
        finally:
            self._waiting.pop(ref, None)
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen: the send itself may have failed first
        if reply["status"] != "ok":
            raise Refused(reply["response"])
        return reply["response"]

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                _, ref, topic, event, payload = json.loads(text)
                waiting = self._waiting.get(ref) if event == "phx_reply" else None
                if waiting is not None:
                    if not waiting.done():
                        waiting.set_result(payload)
                    continue
                self.events.append((topic, event, payload))
                async with self._changed:
                    self._changed.notify_all()
        except (ConnectionClosed, OSError):
            pass
        self.closed_with = (socket.close_code or 1006, socket.close_reason or "")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"the socket is gone: {self.closed_with}"))
        async with self._changed:
            self._changed.notify_all()
