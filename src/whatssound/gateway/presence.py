"""Who is present on the realtime topics of this process, told to their channels in ticks."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from whatssound.gateway.topics import TopicFeed
from whatssound.presence.exchange import Exchange, Present
from whatssound.realtime.topics import Topic
from whatssound.wire import presence as wire
from whatssound.wire import realtime
from whatssound.wire.phoenix import Json

SHORTEST_TICK_S: Final = 0.01
LONGEST_TICK_S: Final = 1.0
MEMBER_S: Final = 1e-4
"""For every meta a diff waits so long for more: a send takes about 10 µs, so that diffs take a tenth of a process."""

COUNT_S: Final = 1.0
COUNT_MEMBER_S: Final = 5e-4
"""How often a count may be told: every second, or more seldom so that counts take 2 % of a process, as in rooms."""

_encode: Final = msgspec.json.Encoder().encode


class Member(Protocol):
    """A channel that is present."""

    def tell(self, event: str, payload: Json) -> None:
        """Write it an event that is for it alone, after what it was to get before."""
        ...


class TopicPresence:
    """One topic: what becomes of its metas goes to the topic's feed, merged."""

    def __init__(self, feed: TopicFeed, exchange: Exchange, now_s: Callable[[], float]) -> None:
        self.holds = 0
        self._feed = feed
        self._now_s = now_s
        self._members: dict[int, Member] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._count_timer: asyncio.TimerHandle | None = None
        self._counted: tuple[int, int] | None = None
        self._counted_s = -math.inf
        self._present: Final[Present] = exchange.open(feed.topic.bus, self._changed)
        self.close = lambda: self._close(exchange)

    @property
    def topic(self) -> Topic:
        """Whose presence it is."""
        return self._feed.topic

    async def known(self) -> None:
        """Return once it is known who is present in other processes, or that takes too long."""
        await self._present.known()

    def track(self, number: int, member: Member, key: str, body: Json) -> None:
        """The channel `number` is present under `key`, and says `body` of itself."""
        self._members[number] = member
        self._present.track(number, key, body)

    def untrack(self, number: int) -> None:
        """The channel is not present any more."""
        self._present.untrack(number)

    def forget(self, number: int) -> None:
        """The channel is over: it can be told nothing any more."""
        self._members.pop(number, None)

    def leave_behind(self, number: int) -> bool:
        """The channel is gone and its meta stays until it is untracked or taken over by its key; whether it had one."""
        return self._present.leave_behind(number)

    def greet(self, member: Member) -> None:
        """Tell a channel that has just entered the feed what the others were told."""
        telling = self._present.telling
        member.tell(wire.STATE, telling.state())
        if telling.is_part:
            member.tell("broadcast", _count(telling.count, telling.shown))

    # --- inside -------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._timer is None:
            tick_s = min(LONGEST_TICK_S, SHORTEST_TICK_S + self._present.telling.count * MEMBER_S)
            self._timer = asyncio.get_running_loop().call_later(tick_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        told = self._present.telling.tick()
        if told.joins or told.leaves:
            self._feed.announce(wire.DIFF, wire.diff(told.joins, told.leaves))
        for number, joined, left in told.alone:
            if (member := self._members.get(number)) is not None:
                member.tell(wire.DIFF, wire.diff([joined] if joined else [], [left] if left else []))
        if self._count_timer is None:
            self._count()
        if self._present.telling.is_news:
            self._changed()

    def _count(self) -> None:
        """Tell how many there are while they are not all shown, and once more when they are again."""
        self._count_timer = None
        telling = self._present.telling
        counts = telling.count, telling.shown
        if counts == self._counted or (self._counted is None and not telling.is_part):
            return
        wait_s = self._counted_s + max(COUNT_S, len(self._feed) * COUNT_MEMBER_S) - self._now_s()
        if wait_s > 0:
            self._count_timer = asyncio.get_running_loop().call_later(wait_s, self._count)
            return
        self._feed.announce("broadcast", _count(*counts))
        self._counted = counts if telling.is_part or telling.count != telling.shown else None
        self._counted_s = self._now_s()

    def _close(self, exchange: Exchange) -> None:
        for timer in (self._timer, self._count_timer):
            if timer is not None:
                timer.cancel()
        exchange.close(self._present)


class Presences:
    """The topics of this process on which somebody hears of presence, or is present."""

    def __init__(self, exchange: Exchange, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._exchange = exchange
        self._now_s = now_s
        self._topics: dict[Topic, TopicPresence] = {}

    def hold(self, feed: TopicFeed) -> TopicPresence:
        """The presence of the feed's topic; give it back with `release`, before the feed."""
        presence = self._topics.get(feed.topic)
        if presence is None:
            presence = self._topics[feed.topic] = TopicPresence(feed, self._exchange, self._now_s)
        presence.holds += 1
        return presence

    def release(self, presence: TopicPresence) -> None:
        """One channel less holds it; the last one closes it."""
        presence.holds -= 1
        if not presence.holds:
            del self._topics[presence.topic]
            presence.close()


def _count(count: int, shown: int) -> Json:
    return realtime.broadcast(wire.COUNT, _encode({"count": count, "shown": shown}))
