"""Realtime topics with channels in this process: what is published comes in once, and goes to each channel."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.log import Subscription
from whatssound.gateway.burst import Part
from whatssound.gateway.crowd import Crowd, Written
from whatssound.gateway.crowds import Crowds
from whatssound.gateway.flusher import Flusher
from whatssound.gateway.lanes import Outlet
from whatssound.gateway.metrics import Metrics
from whatssound.gateway.replays import Replays
from whatssound.realtime.broadcast import Broadcast, decode_broadcast, publish
from whatssound.realtime.load import TOO_MANY_MESSAGES, Load
from whatssound.realtime.topics import Topic
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import V2, Json, Serializer, binary_frame, text_frame
from whatssound.wire.user_broadcast import user_broadcast

_log = structlog.get_logger("whatssound.gateway.topics")


class Hearing(NamedTuple):
    """What a channel can read and may hear; channels of one hearing get the same bytes."""

    serializer: Serializer
    binary: bool
    """Its client understands kind 4."""
    broadcasts: bool
    presence: bool


class Listener(Protocol):
    """A channel as its topic sees it."""

    @property
    def number(self) -> int:
        """Which channel of this process it is."""
        ...

    @property
    def hearing(self) -> Hearing:
        """What goes to it."""
        ...

    @property
    def outlet(self) -> Outlet:
        """Where its socket's frames go."""
        ...

    def shut_down(self, message: str) -> None:
        """Say why, and end the channel for good."""
        ...


class TopicFeed:
    """One topic: its channels in this process, and what is on its way to them (see `Flusher`).

    At most once: nothing is kept or repaired. But a socket that is open misses nothing that came to this process: one
    that does not keep up is closed by its outbox, and its client joins again.
    """

    def __init__(self, topic: Topic, flusher: Flusher, metrics: Metrics, node: str, load: Load) -> None:
        self.topic = topic
        self._load = load
        self._flusher = flusher
        self._metrics = metrics
        self._node = node
        self._crowds: Crowds[Hearing] = Crowds()
        self._listeners: dict[int, Listener] = {}
        self._hears: dict[int, Hearing] = {}
        self.replays = Replays()
        self._turn = flusher.turn(self)
        self.holds = 0
        """Channels that keep the topic open, joined or joining."""
        self.heard: asyncio.Task[None]
        """Done once what is published anywhere arrives here."""

    def __len__(self) -> int:
        return len(self._listeners)

    def replayed(self, listener: Listener, broadcasts: Sequence[Broadcast]) -> list[bytes]:
        """The frames of what `listener` has replayed and what was held for it; to be written just before it enters.

        Raises Refusal `overloaded` as `Replays.release` does.
        """
        missed = self.replays.release(listener.number, broadcasts)
        self._metrics.replayed.inc(len(broadcasts))
        frames = (self._rendered(broadcast, listener.hearing) for broadcast in missed)
        return [frame for frame in frames if frame is not None]

    def enter(self, listener: Listener) -> None:
        """Write everything from now on to `listener`, as its `hearing` has it; again when that has changed."""
        self._leave_crowd(listener)
        hearing = listener.hearing
        self._listeners[listener.number], self._hears[listener.number] = listener, hearing
        crowd = self._crowds.get(hearing)
        if crowd is None:
            crowd = self._crowds[hearing] = Crowd(self._flusher.now_s, self._flusher.lanes)
        crowd.enter(listener, listener.outlet)

    def leave(self, listener: Listener) -> None:
        """Nothing more is written to `listener`; what waits for it has to be written before (`catch_up`)."""
        self.replays.forget(listener.number)
        self._leave_crowd(listener)

    def _leave_crowd(self, listener: Listener) -> None:
        hearing = self._hears.pop(listener.number, None)
        self._listeners.pop(listener.number, None)
        if hearing is not None:
            crowd = self._crowds[hearing]
            crowd.leave(listener)
            if not crowd:
                del self._crowds[hearing]

    def catch_up(self, listener: Listener) -> None:
        """Write `listener` what its tick has gathered: something follows that must not overtake."""
        if (hearing := self._hears.get(listener.number)) is not None:
            self._metrics.delivered.inc(self._crowds[hearing].catch_up(listener))

    def deliver(self, broadcast: Broadcast) -> None:
        """Write a broadcast to everybody who may hear it, except to whom it is not meant for."""
        excepted = self._excepted(broadcast)
        if self._load.is_over():
            self.send_away()
            return
        for hearing, crowd in tuple(self._crowds.items()):
            frame = self._rendered(broadcast, hearing)
            if frame is None:
                self._metrics.undeliverable.inc(len(crowd))
                continue
            spared = [one for one in excepted if self._hears[one.number] == hearing]
            self._add(crowd, Part(frame), spared)
            self._load.delivered(len(crowd) - len(spared))
        self._turn.gathered(at_once=False)

    def announce(self, event: str, payload: Json) -> None:
        """Write an event of ours, such as a presence diff, to everybody who hears of presence."""
        frames = {s.vsn: text_frame(s.broadcast(self.topic.wire, event, payload)) for s in self._serializers()}
        for hearing, crowd in self._crowds.items():
            if hearing.presence:
                crowd.add(Part(frames[hearing.serializer.vsn]))
        self._turn.gathered(at_once=False)

    def send_away(self) -> None:
        """End every channel for good: more goes on in this process than may."""
        for listener in tuple(self._listeners.values()):
            listener.shut_down(TOO_MANY_MESSAGES)

    def overload_s(self) -> float:
        """For how long the topic must be spared; 0 when it keeps up."""
        return self._turn.overload_s()

    def close(self) -> None:
        """Nobody is left."""
        self._turn.close()

    # --- what the flusher calls ---------------------------------------------------------------------------------

    @property
    def waiting_bytes(self) -> int:
        """What is gathered and not due yet."""
        return self._crowds.waiting_bytes

    def call(self) -> None:
        """Everything that is gathered is due now."""
        self._crowds.call()

    def write(self, until_s: float) -> Written:
        """Write what is due, as much as there is time for."""
        done = self._crowds.write(until_s)
        self._metrics.delivered.inc(done.frames)
        return done

    # --- inside -------------------------------------------------------------------------------------------------

    def _serializers(self) -> set[Serializer]:
        return {hearing.serializer for hearing in self._crowds}

    def _excepted(self, broadcast: Broadcast) -> list[Listener]:
        """Who sent it, and who had it replayed."""
        numbers = self.replays.meet(broadcast) if broadcast.id else []
        if broadcast.not_to is not None and broadcast.not_to.node == self._node:
            numbers.append(broadcast.not_to.channel)
        return [self._listeners[number] for number in numbers if number in self._listeners]

    def _rendered(self, broadcast: Broadcast, hearing: Hearing) -> bytes | None:
        if not hearing.broadcasts:
            return None
        if broadcast.is_json:
            return text_frame(hearing.serializer.broadcast(self.topic.wire, "broadcast", broadcast.payload))
        if not hearing.binary or hearing.serializer.vsn != V2.vsn:
            return None
        return binary_frame(
            user_broadcast(self.topic.wire, broadcast.event, broadcast.payload, metadata=broadcast.meta)
        )

    @staticmethod
    def _add(crowd: Crowd, part: Part, excepted: list[Listener]) -> None:
        for listener in excepted:
            crowd.catch_up(listener)
        crowd.add(part)
        for listener in excepted:
            crowd.skip(listener)


class TopicStatistics(NamedTuple):
    """How much of it there is."""

    topics: int
    listeners: int


class Topics:
    """All topics with channels here. Bounded by the channels: one feed and one subscription a topic."""

    def __init__(self, bus: Bus, flusher: Flusher, metrics: Metrics, *, node: str, load: Load) -> None:
        self._bus = bus
        self._load = load
        self._flusher = flusher
        self._metrics = metrics
        self.node = node
        self._feeds: dict[Topic, tuple[TopicFeed, Subscription]] = {}
        self._numbers = 0

    def number(self) -> int:
        """A number for a channel, unlike that of any other of this process."""
        self._numbers += 1
        return self._numbers

    async def open(self, topic: Topic) -> TopicFeed:
        """The topic's feed, which hears whatever is published from now on; give it back with `release`.

        Raises Refusal `unavailable` when the other processes cannot be reached.
        """
        feed = self._feed(topic)
        feed.holds += 1
        try:
            await asyncio.shield(feed.heard)
        except NoAnswer as problem:
            self.release(feed)
            raise Refusal("unavailable", "The topic does not answer just now.", retry_after_ms=1_000) from problem
        return feed

    def release(self, feed: TopicFeed) -> None:
        """One channel less holds the topic; the last one closes it."""
        feed.holds -= 1
        if not feed.holds:
            _, subscription = self._feeds.pop(feed.topic)
            subscription.close()
            feed.close()

    def publish(self, topic: Topic, broadcast: Broadcast) -> None:
        """Tell everybody on `topic`, here and in other processes."""
        publish(self._bus, topic, broadcast)

    def statistics(self) -> TopicStatistics:
        """How much of it there is."""
        return TopicStatistics(len(self._feeds), sum(len(feed) for feed, _ in self._feeds.values()))

    def _feed(self, topic: Topic) -> TopicFeed:
        if (known := self._feeds.get(topic)) is not None:
            return known[0]
        feed = TopicFeed(topic, self._flusher, self._metrics, self.node, self._load)
        self._feeds[topic] = feed, self._bus.subscribe(topic.bus, _reader(feed))
        feed.heard = asyncio.get_running_loop().create_task(self._bus.flush())
        return feed


def _reader(feed: TopicFeed) -> Callable[[bytes], None]:
    def read(message: bytes) -> None:
        try:
            feed.deliver(decode_broadcast(message))
        except Exception:  # the edge of a message: the next one may be better
            _log.exception("a broadcast could not be delivered", topic=feed.topic.bus)

    return read
