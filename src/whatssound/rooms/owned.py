"""The rooms this process runs: each in memory once, its commands one after another, fenced by its row."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from whatssound.ids import RoomId
from whatssound.messages.refusing import refusing
from whatssound.rooms.appender import Appender
from whatssound.rooms.background import Background
from whatssound.rooms.plays import plays_between
from whatssound.rooms.reports import Watch
from whatssound.rooms.room import Room, changed_parts, due_ms, parts_of
from whatssound.rooms.store import RoomStore, StoredRoom
from whatssound.wire.errors import Refusal

TRIES: Final = 5
"""Saves that may meet another's before the command is refused as `conflict`."""

MAX_WAITING: Final = 200
"""Commands of one room that may wait; at 2 ms a save the last one waits 0.4 s."""

MAX_HELD: Final = 5_000
"""Rooms in memory (2-200 KB each); beyond it the ones unused for longest are read again when needed."""

TOUCH_EVERY_MS: Final = 5_000
UNTAKEN_LIFE_MS: Final = 1_000
"""How long a room is shown from memory that another process may be running."""

Decision = Callable[[Room, float], Room]


@dataclass(slots=True, eq=False)
class Held:
    """A room in memory. `is_mine` once this process has taken it; until then `room` is what was read at `read_ms`."""

    id: RoomId
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    room: Room | None = None
    is_mine: bool = False
    read_ms: float = 0.0
    touched_ms: float = 0.0
    waiting: int = 0


class OwnedRooms:
    """Reads, takes and changes rooms. `owner` names this process and this start of it.

    `refresh(room, now_ms)` brings a room up to date with the catalog when it is taken; `changed(old, new)` is called
    after each change, old being None when the room was taken.
    """

    def __init__(
        self,
        store: RoomStore,
        appender: Appender,
        background: Background,
        *,
        owner: str,
        now_ms: Callable[[], float],
        refresh: Callable[[Room, float], Awaitable[Room]],
        changed: Callable[[Room | None, Room], None],
        max_held: int = MAX_HELD,
    ) -> None:
        self._store = store
        self._appender = appender
        self._background = background
        self._owner = owner
        self._now_ms = now_ms
        self._started_ms = now_ms()
        self._refresh = refresh
        self._changed = changed
        self._max_held = max_held
        self._held: OrderedDict[RoomId, Held] = OrderedDict()
        self._lost: set[RoomId] = set()
        self._working: set[asyncio.Task[Room]] = set()
        self.conflicts = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        """Commands under way or waiting for their turn."""
        return len(self._working)

    def all_mine(self) -> list[Room]:
        """Every room that this process runs and has in memory."""
        return [held.room for held in self._held.values() if held.is_mine and held.room is not None]

    def mine(self, id: RoomId) -> Room | None:
        """The room if this process runs it already."""
        held = self._held.get(id)
        return held.room if held is not None and held.is_mine else None

    def is_lost(self, id: RoomId) -> bool:
        """Whether another process has taken the room since this one did."""
        return id in self._lost

    def adopt(self, room: Room) -> None:
        """Hold a room that was just created here."""
        self._hold(room.id).room = room
        self._hold(room.id).is_mine = True

    def shown(self, stored: StoredRoom) -> Room:
        """The newest that is known of a row that was read: this process's own copy when it runs the room."""
        return self.mine(stored.room.id) or self._watched(stored)

    async def read(self, id: RoomId) -> Room:
        """The room, without taking it. Refusal `not_found`."""
        held = self._held.get(id)
        now_ms = self._now_ms()
        if held is not None and held.room is not None and (held.is_mine or now_ms - held.read_ms < UNTAKEN_LIFE_MS):
            return held.room
        stored = await refusing(self._store.get(id))
        if stored is None:
            raise _not_found()
        room = self.shown(stored)
        held = self._hold(id)
        if not held.is_mine:
            held.room, held.read_ms = room, now_ms
        return room

    async def take(self, id: RoomId) -> Room:
        """The room, run by this process from now on. Refusal `not_found`, or `unavailable` when it was lost."""
        mine = self.mine(id)
        return mine if mine is not None else await self.change(id, lambda room, _: room)

    async def change(self, id: RoomId, decision: Decision) -> Room:
        """The room after `decision(room, now_ms)`, saved and told; decided again when another save came first.

        A caller that gives up does not stop it half way. Raises what `decision` raises, and Refusal `not_found`,
        `conflict`, `overloaded`, `unavailable`, `disk_full`.
        """
        held = self._hold(id)
        if held.waiting >= MAX_WAITING:
            raise Refusal("overloaded", "Too many commands at once; try again.", retry_after_ms=500)
        held.waiting += 1
        work = asyncio.ensure_future(self._in_turn(held, decision))
        self._working.add(work)
        work.add_done_callback(self._finished)
        return await asyncio.shield(work)

    async def settle(self) -> None:
        """Wait until no command is under way."""
        while self._working:
            await asyncio.wait(self._working)

    def device_seen(self, id: RoomId, device: str) -> float | None:
        """Note that the leading device is there; answers when the room is due now, None for any other device."""
        held = self._held.get(id)
        room = None if held is None or not held.is_mine else held.room
        if held is None or room is None or room.playback.device != device or room.ended:
            return None
        now_ms = self._now_ms()
        room = held.room = replace(room, watch=replace(room.watch, seen_ms=now_ms))
        if now_ms - held.touched_ms >= TOUCH_EVERY_MS:
            held.touched_ms = now_ms
            touch = self._store.touch(id, owner=self._owner, seen_ms=now_ms, due_ms=due_ms(room))
            self._background.spawn(touch, name="note the DJ's device")
        return due_ms(room)

    def _finished(self, work: "asyncio.Task[Room]") -> None:
        self._working.discard(work)
        if not work.cancelled():
            work.exception()  # marks it as seen, when the caller has given up meanwhile

    async def _in_turn(self, held: Held, decision: Decision) -> Room:
        try:
            async with held.lock:
                return await self._decide(held, decision)
        finally:
            held.waiting -= 1

    async def _decide(self, held: Held, decision: Decision) -> Room:
        for _ in range(TRIES):
            old = held.room if held.is_mine and held.room is not None else await self._taken(held)
            now_ms = self._now_ms()
            new = decision(old, now_ms)
            if new.rev == old.rev:
                held.room = replace(new, watch=_newer_watch(held.room, new))
                return held.room
            if await self._save(old, new, now_ms):
                await self._keep(held, old, new)
                return new
            await self._read_again(held, old)
        self.conflicts += 1
        raise Refusal("conflict", "Others are changing this room at the same time; try again.", retry_after_ms=200)

    async def _save(self, old: Room, new: Room, now_ms: float) -> bool:
        """The row, and what has ended since it was saved before, in one."""
        plays = plays_between(old, new, now_ms)
        return await refusing(self._store.save(new, was_rev=old.rev, owner=self._owner, plays=plays))

    async def _keep(self, held: Held, old: Room | None, new: Room) -> None:
        held.room = replace(new, watch=_newer_watch(held.room, new))
        self._changed(old, held.room)
        await self._appender.append(held.id, parts_of(new) if old is None else changed_parts(old, new))

    async def _taken(self, held: Held) -> Room:
        if held.id in self._lost:
            raise _lost()
        stored = await refusing(self._store.get(held.id))
        if stored is not None and stored.owner != self._owner:
            stored = await refusing(self._store.take(held.id, owner=self._owner))
        if stored is None:
            self._held.pop(held.id, None)
            raise _not_found()
        room = self._watched(stored)
        now_ms = self._now_ms()
        fresh = await self._refresh(room, now_ms)
        if fresh.rev != room.rev and not await self._save(room, fresh, now_ms):
            self._lost.add(held.id)
            raise _lost()
        held.is_mine = True
        held.room = None
        await self._keep(held, None, fresh)
        return fresh

    async def _read_again(self, held: Held, known: Room) -> None:
        """After a save that met another: that other was told half way, or is somebody else's."""
        stored = await refusing(self._store.get(held.id))
        if stored is None or stored.owner != self._owner:
            held.is_mine, held.room = False, None
            self._lost.add(held.id)
            raise _lost()
        await self._keep(held, known, replace(stored.room, watch=known.watch))

    def _watched(self, stored: StoredRoom) -> Room:
        """After a start every device has 15 s to come back."""
        if stored.room.playback.device is None:
            return stored.room
        return replace(stored.room, watch=Watch(seen_ms=max(stored.seen_ms or 0.0, self._started_ms)))

    def _hold(self, id: RoomId) -> Held:
        held = self._held.get(id)
        if held is None:
            held = self._held[id] = Held(id)
            self._make_way(held)
        self._held.move_to_end(id)
        return held

    def _make_way(self, newest: Held) -> None:
        if len(self._held) <= self._max_held:
            return
        for held in self._held.values():
            if held is not newest and held.waiting == 0 and not self._appender.is_pending(held.id):
                del self._held[held.id]
                return


def _newer_watch(known: Room | None, decided: Room) -> Watch:
    """A sign of life that arrived while a command was being saved is not lost."""
    if known is None or known.watch.seen_ms is None or decided.watch.seen_ms is None:
        return decided.watch
    return replace(decided.watch, seen_ms=max(known.watch.seen_ms, decided.watch.seen_ms))


def _not_found() -> Refusal:
    return Refusal("not_found", "There is no such session.")


def _lost() -> Refusal:
    return Refusal("unavailable", "This session is run by another process now.", retry_after_ms=2_000)
