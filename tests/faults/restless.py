"""A person who goes on talking whatever happens to the server's processes: says again what was not acknowledged."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import InvalidHandshake

from clients import Refused
from faults.talker import Talker
from servers import ApiProblem

AWAY = (ConnectionError, OSError, TimeoutError, InvalidHandshake, ApiProblem)
"""How a server says that a process of it is not there."""


@dataclass
class Restless(Talker):
    """`losses` and `refusals` count what it went through."""

    losses: int = 0
    refusals: int = 0
    said: int = 0
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something was acknowledged."""
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self) -> None:
        """One message after another until `hush`; each is acknowledged before the next."""
        while not self._quiet.is_set():
            await self.say(f"{self.log.name}-{self.said}")
            self.said += 1
            self.progress.set()

    def hush(self) -> None:
        """Let the message on its way be the last one."""
        self._quiet.set()

    async def say(self, nonce: str) -> None:
        """Return once it is acknowledged, over as many connections as that takes."""
        self.unacknowledged[nonce] = f"{nonce} says something"
        while nonce in self.unacknowledged:
            try:
                if not await self._send(nonce):
                    await self.come_back()
            except Refused as refusal:
                self.refusals += 1
                await self._wait(refusal)

    async def come_back(self) -> None:
        """Join again where we left off, as soon as somebody lets us."""
        self.losses += 1
        while True:
            await self.client.close()
            self.read_events()
            before, steps = self._position, len(self.log.steps)
            try:
                await self.enter()
                return
            except Refused as refusal:
                await self._wait(refusal)
            except AWAY:
                await asyncio.sleep(0.05)  # as any client would
            self._position = before
            del self.log.steps[steps:]

    async def enter(self) -> None:
        """Connect and join where we left off; what was missed comes with the reply, or after a reset from history."""
        self.client.events.clear()
        self._read = 0
        await self.client.connect()
        after = self._position
        reply = await self.client.join(self.topic, **({} if after is None else {"after": after}))
        if after is None or reply.get("reset"):
            self._position = reply["position"]
            self.log.steps.append(("reset", reply["position"]["seq"]))
            await self._back_fill(reply["messages"])
            return
        self.log.steps.append(("position", after["seq"]))
        for name, payload in reply["events"]:
            self._take(name, payload)
        assert self._position is not None
        assert self._position["seq"] == reply["position"]["seq"], "the events must lead to the reply's position"

    async def _wait(self, refusal: Refused) -> None:
        response: dict[str, Any] = refusal.response
        assert "retry_after_ms" in response, response
        await asyncio.sleep(response["retry_after_ms"] / 1_000)
