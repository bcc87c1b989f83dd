"""Presence between processes, over the bus: each tells what becomes of its own metas, and asks for what it missed."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import structlog

from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.log import Subscription
from whatssound.presence.messages import Ask, Diff, Here, Message, Node, decode_call, decode_message, encode
from whatssound.presence.replica import DIGEST_S, Heard, Replica, nothing
from whatssound.presence.telling import SHOWN, Telling
from whatssound.wire.phoenix import Json

CALLS_TOPIC: Final = "presence"
"""What every process hears."""

GATHER_S: Final = 0.05
"""What becomes of a process's metas is told together after so long."""

ANSWER_S: Final = 0.2
"""Who asks within so long of an answer shares the next one with others."""

WAIT_S: Final = 1.0
"""A join waits so long for what other processes have of its topic; what comes later is told as joins."""

LOOK_S: Final = 1.0
DIGEST_LOOKS: Final = int(DIGEST_S / LOOK_S)
BEAT_LOOKS: Final = 2
"""Every other look a process says that it is there."""

FRESH_S: Final = 5.0
"""Nobody waits for a process that was silent for so long."""

GONE_S: Final = 12.0
"""A process that was silent for so long is forgotten; what it had has left every topic by then."""

_log = structlog.get_logger("whatssound.presence")


class ExchangeStatistics(NamedTuple):
    """How much of it there is, and what went wrong since the start."""

    topics: int
    peers: int
    """Other processes."""
    here: int
    """Metas of channels of this process."""
    everywhere: int
    asked: int
    """Times something was missed and asked for."""
    answered: int
    lost: int
    """Metas that went with a process that ended or fell silent."""
    late: int
    """Joins that did not wait any longer for another process."""


class Present:
    """One topic that is open here. `known` returns once the metas of other processes are here, or are late."""

    def __init__(
        self, exchange: "Exchange", topic: str, replica: Replica, on_change: Callable[[], None], *, slot: int
    ) -> None:
        self.topic = topic
        self.slot = slot
        self.replica = replica
        self.on_change = on_change
        self._exchange = exchange
        self.awaited: set[str] = set()
        self.complete = asyncio.Event()
        self.opened: asyncio.Task[None] | None = None
        self.saying: asyncio.TimerHandle | None = None
        self.answering: asyncio.TimerHandle | None = None
        self.asked_again = False
        self.subscription = exchange.bus.subscribe(topic_on_bus(topic), self._arrived)

    @property
    def telling(self) -> Telling:
        """What clients are to be told."""
        return self.replica.tracker.telling

    def track(self, member: int, key: str, body: Json) -> None:
        """A channel is present, or says something else of itself."""
        if self.replica.tracker.track(member, key, body):
            self._exchange.say_soon(self)
        if self.telling.is_news:
            self.on_change()

    def leave_behind(self, member: int) -> bool:
        """A channel is gone and its meta stays until it is untracked or taken over by its key; whether it had one."""
        return self.replica.tracker.leave_behind(member)

    def untrack(self, member: int) -> None:
        """A channel is not present any more."""
        if self.replica.tracker.untrack(member):
            self._exchange.say_soon(self)
            self.on_change()

    async def known(self) -> None:
        """Return once it is known who is present elsewhere; at most a second after the topic was opened."""
        if self.opened is not None:
            await asyncio.shield(self.opened)

    def _arrived(self, data: bytes) -> None:
        try:
            message = decode_message(data)
        except msgspec.MsgspecError:
            _log.warning("news of presence could not be read: is another version about?", topic=self.topic)
            return
        self._exchange.heard(self, message)


class Exchange:
    """All topics of a process that has somebody on them who hears of presence.

    Bounded by the channels: at most one topic each. A message that is lost is made good within about five seconds; a
    process that ends takes its metas with it at once when it says so or starts again, otherwise within 15 s.
    """

    def __init__(
        self,
        bus: Bus,
        node: str,
        *,
        life: int,
        now_s: Callable[[], float] = time.monotonic,
        shown: int = SHOWN,
        look_s: float = LOOK_S,
        wait_s: float = WAIT_S,
    ) -> None:
        self.bus: Final = bus
        self.node: Final = Node(node, life)
        self._now_s = now_s
        self.shown = shown
        """Metas that clients are shown of a topic that is opened from now on."""
        self._topics: dict[str, Present] = {}
        self._peers: dict[str, tuple[int, float]] = {}
        """Life, and when it was heard."""
        self._numbers = itertools.count(1)
        name, refs = secrets.token_urlsafe(6), itertools.count(1)
        self._new_ref = lambda: f"{name}{next(refs):x}"
        self._slots = itertools.count()
        self.looks = 0
        self._look_s = look_s
        self._wait_s = wait_s
        self._looking: asyncio.Task[None] | None = None
        self._asked = self._answered = self._lost = self._late = 0
        self._calls: Subscription | None = None

    async def start(self) -> None:
        """Tell the others that this process is there."""
        self._calls = self.bus.subscribe(CALLS_TOPIC, self._called)
        self.bus.publish(CALLS_TOPIC, encode(Here(self.node, hello=True)))
        self._looking = asyncio.get_running_loop().create_task(self._looks_on())

    async def stop(self) -> None:
        """Take leave: the others need not wait until this process counts as gone."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for present in tuple(self._topics.values()):
            self.close(present)
        self.bus.publish(CALLS_TOPIC, encode(Here(self.node, leaving=True)))
        if self._calls is not None:
            self._calls.close()

    def open(self, topic: str, on_change: Callable[[], None]) -> Present:
        """Follow a topic; `on_change` is called when there is news to tell. Only once at a time for each topic."""
        replica = Replica(self.node, number=lambda: next(self._numbers), new_ref=self._new_ref, shown=self.shown)
        present = self._topics[topic] = Present(self, topic, replica, on_change, slot=next(self._slots) % DIGEST_LOOKS)
        present.awaited = self._fresh()
        if present.awaited:
            present.opened = asyncio.get_running_loop().create_task(self._opened(present))
        else:
            self.bus.publish(CALLS_TOPIC, encode(Ask(self.node, topic)))
        return present

    def close(self, present: Present) -> None:
        """Nobody here is on the topic any more; channels that are present were untracked before."""
        self._topics.pop(present.topic, None)
        present.subscription.close()
        for timer in (present.saying, present.answering):
            if timer is not None:
                timer.cancel()
        if present.opened is not None:
            present.opened.cancel()
        if (farewell := present.replica.farewell()) is not None:
            self.bus.publish(topic_on_bus(present.topic), farewell)

    def statistics(self) -> ExchangeStatistics:
        """How much of it there is."""
        trackers = [present.replica.tracker for present in self._topics.values()]
        here, everywhere = sum(len(tracker.here()) for tracker in trackers), sum(len(tracker) for tracker in trackers)
        return ExchangeStatistics(
            len(self._topics), len(self._peers), here, everywhere, self._asked, self._answered, self._lost, self._late
        )

    def look(self) -> None:
        """Say what is due, and forget who is silent; the timer calls it every second."""
        now_s = self._now_s()
        self.looks += 1
        if self.looks % BEAT_LOOKS == 0:
            self.bus.publish(CALLS_TOPIC, encode(Here(self.node)))
        for name, (_, heard_s) in tuple(self._peers.items()):
            if now_s - heard_s > GONE_S:
                del self._peers[name]
        for present in tuple(self._topics.values()):
            if present.slot == self.looks % DIGEST_LOOKS and (digest := present.replica.digest()) is not None:
                self._publish(present, [digest])
            self._gone(present, present.replica.look(now_s))

    # --- what topics call ---------------------------------------------------------------------------------------

    def say_soon(self, present: Present) -> None:
        """Tell the others what became of this process's metas, with what follows in the next moment."""
        if present.saying is None and self._topics.get(present.topic) is present:
            present.saying = asyncio.get_running_loop().call_later(GATHER_S, self._say, present)

    def heard(self, present: Present, message: Message) -> None:
        """Take in what was said on a topic."""
        now_s, name, replica = self._now_s(), message.node.name, present.replica
        outcome = replica.hear(message, now_s)
        if outcome is Heard.OLD:
            return
        if outcome is Heard.BEHIND and replica.may_ask(name, now_s):
            self._asked += 1
            self.bus.publish(CALLS_TOPIC, encode(Ask(self.node, present.topic, name)))
        if outcome is Heard.UP_TO_DATE and not isinstance(message, Diff):  # after which more may follow
            self._need_not_wait(present, name)
        if replica.tracker.has_changes:
            self.say_soon(present)
        if present.telling.is_news:
            present.on_change()

    # --- inside -------------------------------------------------------------------------------------------------

    async def _opened(self, present: Present) -> None:
        """Ask what the others have, once their answers arrive here."""
        try:
            await self.bus.flush()
        except NoAnswer:
            return  # digests will tell
        self.bus.publish(CALLS_TOPIC, encode(Ask(self.node, present.topic)))
        try:
            async with asyncio.timeout(self._wait_s):
                if present.awaited:
                    await present.complete.wait()
        except TimeoutError:
            self._late += 1

    def _fresh(self) -> set[str]:
        now_s = self._now_s()
        return {name for name, (_, heard_s) in self._peers.items() if now_s - heard_s < FRESH_S}

    def _need_not_wait(self, present: Present, name: str) -> None:
        present.awaited.discard(name)
        if not present.awaited:
            present.complete.set()

    def _say(self, present: Present) -> None:
        present.saying = None
        self._publish(present, present.replica.say())

    def _publish(self, present: Present, messages: list[bytes]) -> None:
        for message in messages:
            self.bus.publish(topic_on_bus(present.topic), message)

    def _called(self, data: bytes) -> None:
        try:
            call = decode_call(data)
        except msgspec.MsgspecError:
            _log.warning("a call about presence could not be read: is another version about?")
            return
        if call.node.name == self.node.name:
            return
        if isinstance(call, Ask):
            self._seen(call.node)
            if call.of in ("", self.node.name):
                self._answer(call.topic)
        elif call.leaving:
            self._parted(call.node)
        else:
            self._seen(call.node)
            if call.hello:
                self.bus.publish(CALLS_TOPIC, encode(Here(self.node)))

    def _seen(self, node: Node) -> None:
        life, _ = self._peers.get(node.name, (0, 0.0))
        if node.life < life:
            return
        self._peers[node.name] = node.life, self._now_s()
        if life < node.life:
            for present in tuple(self._topics.values()):
                self._gone(present, present.replica.meet(node))

    def _parted(self, node: Node) -> None:
        life, _ = self._peers.get(node.name, (0, 0.0))
        if node.life < life:
            return
        self._peers.pop(node.name, None)
        for present in tuple(self._topics.values()):
            self._gone(present, present.replica.part(node))
            self._need_not_wait(present, node.name)

    def _gone(self, present: Present, metas: int) -> None:
        self._lost += metas
        if metas:
            present.on_change()

    def _answer(self, topic: str) -> None:
        present = self._topics.get(topic)
        if present is None:
            self.bus.publish(topic_on_bus(topic), nothing(self.node, next(self._numbers)))
        elif present.answering is None:
            self._tell_whole(present)
        else:
            present.asked_again = True

    def _tell_whole(self, present: Present) -> None:
        self._answered += 1
        self._publish(present, present.replica.whole())
        present.answering = asyncio.get_running_loop().call_later(ANSWER_S, self._rested, present)

    def _rested(self, present: Present) -> None:
        present.answering = None
        if present.asked_again:
            present.asked_again = False
            self._tell_whole(present)

    async def _looks_on(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                self.look()
            except Exception:  # the edge of a job: the next look may be better
                _log.exception("a look at who is present failed")


def topic_on_bus(topic: str) -> str:
    """Where processes speak of who is present on a topic."""
    return f"presence:{topic}"
