"""People who speak to a room on a schedule that waits for nobody, through the SDK.

Open loop: a message has its moment, and what is late counts from that moment, also when it was the server that made
its speaker late (coordinated omission).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from load.log import Said
from whatssound.client import Client, NotAnswered, Offline, Refusal, Room, connect
from whatssound.wire.commands import ChatSend

UNDER_WAY: Final = 5_000
"""Messages without an answer; beyond that the schedule is given up, for the server has."""

PATIENCE_S: Final = 60.0


@dataclass
class Speakers:
    """So many people in one room; `said` is what became of each message, in the order of the schedule."""

    rooms: list[Room]
    clients: list[Client]
    said: list[Said] = field(default_factory=list)
    _under_way: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def last_seq(self) -> int:
        """Where the log stands by what was acknowledged last."""
        last = max(self.said, key=lambda one: one.acked_ns, default=None)
        return 0 if last is None else last.seq

    async def speak(self, *, per_s: float, count: int, size: int = 60) -> None:
        """Say `count` messages of `size` characters, one every `1 / per_s` s, and wait for all answers."""
        await self.begin_all(per_s=per_s, count=count, size=size)
        await self.answered()

    async def begin_all(self, *, per_s: float, count: int, size: int = 60) -> None:
        """The same, without waiting for answers."""
        begin_ns = time.monotonic_ns()
        for n in range(count):
            intended_ns = begin_ns + int(n / per_s * 1e9)
            wait_s = (intended_ns - time.monotonic_ns()) / 1e9
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self.begin(f"m{len(self.said)}", size, intended_ns)

    def begin(self, nonce: str, size: int, intended_ns: int) -> None:
        """Say one message now; its answer is awaited elsewhere."""
        if len(self._under_way) >= UNDER_WAY:
            raise RuntimeError(f"{UNDER_WAY} messages are without an answer")
        number = len(self.said)
        self.said.append(Said(nonce, nonce.ljust(size, "."), intended_ns))
        task = asyncio.create_task(self._say(self.rooms[number % len(self.rooms)], number))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def answered(self) -> None:
        """Wait until every message is answered, refused or given up."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _say(self, room: Room, number: int) -> None:
        said = self.said[number]
        try:
            answer = await room.do(ChatSend(said.text, said.nonce), timeout_s=PATIENCE_S)
        except Refusal as refusal:
            self.said[number] = Said(said.nonce, said.text, said.intended_ns, refused=refusal.code)
            return
        except (NotAnswered, Offline):
            return
        # At this moment the room's epoch is that of the connection on which the answer came.
        epoch = "" if room.position is None else room.position.epoch
        acked_ns, id, seq = time.monotonic_ns(), str(answer["id"]), int(answer["seq"])
        self.said[number] = Said(said.nonce, said.text, said.intended_ns, acked_ns, id, epoch, seq)


@contextlib.asynccontextmanager
async def speaking(url: str, tokens: Sequence[str], room_id: str) -> AsyncIterator[Speakers]:
    """People in the room, one for each token."""
    async with contextlib.AsyncExitStack() as stack:
        speakers = Speakers([], [])
        for token in tokens:
            client = await stack.enter_async_context(connect(url, token=token))
            speakers.clients.append(client)
            speakers.rooms.append(await stack.enter_async_context(client.join(room_id)))
        yield speakers
