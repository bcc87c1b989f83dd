"""Who shares the work: beats on the bus, and the ring that follows from them, swapped by reference."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple, Self

import msgspec
import structlog

from whatssound.bus.bus import Bus
from whatssound.bus.ring import Ring
from whatssound.bus.roster import BEAT_S, Beat, Health, Roster

BEATS_TOPIC: Final = "members"
HELLO_TOPIC: Final = "members:hello"
"""Whoever says something here is answered by a beat of everybody at once."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Beat).decode
_log = structlog.get_logger("whatssound.members")


class MemberStatistics(NamedTuple):
    """How the cluster looks from here."""

    here: int
    owners: int
    suspects: int
    changes: int
    """Rings made since the start."""


class Members:
    """Beats for this node while it is entered with `async with`, and hears the others.

    `ring` is an immutable snapshot of the nodes that can own rooms and are ready; None while nobody is. Two nodes
    may see different rings for a few seconds: what makes rooms right is their row, not the ring. `owns` says whether
    this node can run rooms.
    """

    def __init__(
        self,
        bus: Bus,
        node: str,
        *,
        owns: bool,
        start_ms: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node: Final = node
        self.ring: Ring | None = None
        self._bus = bus
        self._now_s = now_s
        self._beat = Beat(node, start_ms, owns=owns, ready=False)
        self._roster = Roster()
        self._callbacks: list[Callable[[], None]] = []
        self._changes = 0
        self._subscriptions = [
            bus.subscribe(BEATS_TOPIC, self._arrived),
            bus.subscribe(HELLO_TOPIC, lambda _: self._say()),
        ]
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._bus.publish(HELLO_TOPIC, self.node.encode())
        self._beating = asyncio.get_running_loop().create_task(self._beats())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say farewell: the others need not wait until this node counts as dead."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        self._beat = replace(self._beat, leaving=True)
        self._say()
        for subscription in self._subscriptions:
            subscription.close()

    def ready(self) -> None:
        """This node serves from now on; it joins the ring if it can own rooms."""
        self._beat = replace(self._beat, ready=True)
        self._say()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` when somebody came, went or is doubted; `ring` is the new one by then.

        It must not block or raise.
        """
        self._callbacks.append(callback)

    def here(self) -> list[Beat]:
        """Everybody who is not gone, this node included."""
        return self._roster.here()

    def others(self) -> list[Beat]:
        """Everybody else who is not gone."""
        return [beat for beat in self._roster.here() if beat.node != self.node]

    def health(self, node: str) -> Health:
        """How that node is thought to be."""
        return self._roster.health(node)

    def owns(self, id: int) -> bool:
        """Whether the ring gives the room with this id to this node."""
        return self.ring is not None and self.ring.owner(id) == self.node

    def statistics(self) -> MemberStatistics:
        """How the cluster looks from here."""
        here = self._roster.here()
        suspects = sum(self._roster.health(beat.node) is Health.SUSPECT for beat in here)
        return MemberStatistics(len(here), len(self._roster.owners()), suspects, self._changes)

    def look(self) -> None:
        """Beat, and judge the others by the time that passed; the timer calls it every second."""
        self._say()
        if self._roster.passed(self._now_s()):
            self._changed()

    def _say(self) -> None:
        self._bus.publish(BEATS_TOPIC, _encode(self._beat))
        # One's own beat counts also while the bus is away.
        self._take(self._beat)

    def _arrived(self, message: bytes) -> None:
        try:
            beat = _decode(message)
        except msgspec.MsgspecError:
            _log.warning("a beat could not be read: is another version about?")
            return
        if beat.node != self.node:
            self._take(beat)

    def _take(self, beat: Beat) -> None:
        if self._roster.heard(beat, self._now_s()):
            self._changed()

    def _changed(self) -> None:
        owners = self._roster.owners()
        if owners != frozenset(() if self.ring is None else self.ring.nodes):
            self.ring = Ring(owners) if owners else None
            self._changes += 1
            _log.info("the ring changed", nodes=sorted(owners))
        for callback in self._callbacks:
            callback()

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.look()
