"""A person in a chat burst: keeps messages unacknowledged, loses the server, comes back, sends again."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from clients import SocketClient
from faults.checker import ClientLog
from servers import ServerProcess

IN_FLIGHT = 5
"""Messages that each sender keeps unacknowledged."""


@dataclass
class Talker:
    """One sender: `log` is what the checker reads."""

    server: ServerProcess
    room_id: str
    log: ClientLog
    client: SocketClient
    shown: dict[int, str] = field(default_factory=dict)
    unacknowledged: dict[str, str] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _position: dict[str, Any] | None = None
    _read: int = 0

    @property
    def topic(self) -> str:
        return f"room:{self.room_id}"

    async def enter(self) -> None:
        """Connect and join where we left off; back-fill after a reset."""
        self.client.events.clear()
        self._read = 0
        await self.client.connect()
        after = {"after": self._position} if self._position is not None else {}
        reply = await self.client.join(self.topic, **after)
        self._position = reply["position"]
        if reply.get("reset") or not after:
            self.log.steps.append(("reset", reply["position"]["seq"]))
            await self._back_fill(reply["messages"])
        else:
            self.log.steps.append(("position", after["after"]["seq"]))
            for name, payload in reply["events"]:
                self._take(name, payload)

    async def _back_fill(self, newest: list[dict[str, Any]]) -> None:
        for message in newest:
            self.shown[int(message["id"])] = message["text"]
        oldest = newest[-1]["id"] if newest else None
        while oldest is not None:
            path = f"/v1/rooms/{self.room_id}/messages?before={oldest}&limit=100"
            page = await asyncio.to_thread(self.server.call, "GET", path, token=self.client.token)
            known = {int(m["id"]) for m in page["messages"]} & set(self.shown)
            for message in page["messages"]:
                self.shown[int(message["id"])] = message["text"]
            oldest = page["messages"][-1]["id"] if page["has_more"] and not known else None

    async def talk(self) -> None:
        """Keep IN_FLIGHT messages on their way until the server is gone."""
        await asyncio.gather(*(self._one_after_another() for _ in range(IN_FLIGHT)))

    async def _one_after_another(self) -> None:
        answered = True
        while answered:
            nonce = f"{self.log.name}-{next(self._numbers)}"
            self.unacknowledged[nonce] = f"{nonce} says something"
            answered = await self._send(nonce)

    async def resend(self) -> None:
        """Send again, in order, what nobody acknowledged, under the same nonces."""
        for nonce in list(self.unacknowledged):
            assert await self._send(nonce), "the server went away while it should stay"

    async def _send(self, nonce: str) -> bool:
        text = self.unacknowledged[nonce]
        try:
            reply = await self.client.push(self.topic, "chat:send", text=text, nonce=nonce)
        except ConnectionError:
            return False
        self.log.acknowledged.append((nonce, int(reply["id"])))
        del self.unacknowledged[nonce]
        return True

    def read_events(self) -> None:
        """Take in what arrived since the last time."""
        for topic, name, payload in self.client.events[self._read :]:
            if topic == self.topic:
                self._take(name, payload)
        self._read = len(self.client.events)

    def _take(self, name: str, payload: dict[str, Any]) -> None:
        if "seq" not in payload or self._position is None or payload["seq"] <= self._position["seq"]:
            return
        self.log.steps.append(("event", payload["seq"], payload["prev"]))
        self._position = {**self._position, "seq": payload["seq"], "key": payload["key"]}
        if name == "chat":
            self.shown[int(payload["id"])] = payload["text"]
