"""Joins that have kept broadcasts replayed: what comes meanwhile is held, and nothing is heard twice."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from whatssound.gateway.services import Services
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.topics import Topic
from whatssound.wire.errors import Refusal
from whatssound.wire.realtime import Replay

MOST_HELD_BYTES: Final = 512 * 1024
"""What may come for one join while it reads; one that would have to hold more joins again."""

MOST_REPLAYED_BYTES: Final = 4_000_000
"""What one join has replayed, whatever was asked; its outbox takes 5 MB (`outbox.EXEMPT_BYTES`)."""


class _Replayed(NamedTuple):
    """The ids of what was replayed lie between these two; both were. Without a list: there may be 100,000 of them."""

    oldest: int
    newest: int


class _Held:
    __slots__ = ("broadcasts", "bytes")

    def __init__(self) -> None:
        self.broadcasts: list[Broadcast] = []
        self.bytes = 0


class Replays:
    """A topic's channels, by number, that have something replayed. Only broadcasts with an id concern them.

    The owner tells kept broadcasts in the order of their ids. So once a channel met a newer one than any that was
    replayed to it, it is like every other: what there is to remember goes with the next kept broadcast.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._replayed: dict[int, _Replayed] = {}

    def hold(self, channel: int) -> None:
        """Gather what comes from now on; to be called before asking for what was kept."""
        self._held[channel] = _Held()

    def release(self, channel: int, replayed: Sequence[Broadcast]) -> list[Broadcast]:
        """What the channel is to be written, each once; it has to enter the topic at once.

        Raises Refusal `overloaded` when more came meanwhile than could be held.
        """
        held = self._held.pop(channel)
        if held.bytes > MOST_HELD_BYTES:
            raise Refusal("overloaded", "Too much came while it was replayed; join again.", retry_after_ms=1_000)
        if replayed:
            self._replayed[channel] = _Replayed(int(replayed[0].id), int(replayed[-1].id))
        ids = {broadcast.id for broadcast in replayed}
        return [*replayed, *(broadcast for broadcast in held.broadcasts if broadcast.id not in ids)]

    def meet(self, broadcast: Broadcast) -> list[int]:
        """Take note of a broadcast that has come; the channels that had it replayed."""
        for held in self._held.values():
            held.bytes += len(broadcast.payload)
            if held.bytes <= MOST_HELD_BYTES:
                held.broadcasts.append(broadcast)
        if not self._replayed or not broadcast.id.isdecimal():
            return []
        id = int(broadcast.id)
        had = [channel for channel, replayed in self._replayed.items() if replayed.oldest <= id <= replayed.newest]
        for channel in [channel for channel, replayed in self._replayed.items() if replayed.newest < id]:
            del self._replayed[channel]
        return had

    def forget(self, channel: int) -> None:
        """The channel is over."""
        self._held.pop(channel, None)
        self._replayed.pop(channel, None)

    def __len__(self) -> int:
        return len(self._held) + len(self._replayed)


async def read_kept(services: Services, topic: Topic, replay: Replay) -> list[Broadcast]:
    """What a join asks for, oldest first. Raises RealtimeRefusal with the original's text."""
    found: list[Broadcast] = []
    left_bytes, below = MOST_REPLAYED_BYTES, None
    try:
        while True:
            page = await services.kept_since(topic, replay.since_ms, replay.limit - len(found), below)
            found = page.broadcasts + found
            left_bytes -= sum(len(broadcast.payload) for broadcast in page.broadcasts)
            if not page.has_more or left_bytes <= 0:
                return found
            below = found[0].id
    except Refusal as refusal:
        reason = "UnableToReplayMessages: Realtime was unable to replay messages"
        raise RealtimeRefusal(refusal.code, reason, retry_after_ms=refusal.retry_after_ms) from refusal
