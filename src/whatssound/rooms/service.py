"""Rooms as the outside uses them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from whatssound.accounts.roles import require
from whatssound.accounts.user import Identity, User
from whatssound.bus.log import RoomLog
from whatssound.config import People
from whatssound.ids import RoomId, Snowflakes, TrackId, UserId
from whatssound.messages.refusing import refusing
from whatssound.messages.service import MessageService
from whatssound.rooms import commands as intents
from whatssound.rooms import permissions
from whatssound.rooms.appender import Appender
from whatssound.rooms.background import Background
from whatssound.rooms.catalog import Catalog
from whatssound.rooms.chat import Chat
from whatssound.rooms.dj import LEAD_MS, Dj
from whatssound.rooms.door import Door, door_of
from whatssound.rooms.homes import Homes
from whatssound.rooms.moderation import MemberCallback, Moderation
from whatssound.rooms.naming import checked_title, slug_of
from whatssound.rooms.owned import MAX_HELD, OwnedRooms
from whatssound.rooms.parts import Snapshot, Snapshots, encoded
from whatssound.rooms.play_store import PlayStore
from whatssound.rooms.room import Room, caught_up, decide, due_ms
from whatssound.rooms.set_history import PlayPage, SetHistory
from whatssound.rooms.store import RoomStore, SlugTaken
from whatssound.rooms.timers import Timers
from whatssound.rooms.tracks import needed_tracks, refreshed, track_ids, with_track
from whatssound.rooms.view import SHOWN_MESSAGES, RoomView
from whatssound.rooms.wire_ids import asked_id
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal

SWEEP_EVERY_S: Final = 5.0
SWEEP_AHEAD_MS: Final = 10_000
"""Rows due this soon are taken up; two sweeps see each of them before its time."""

SWEEP_ROWS: Final = 1_000
LIST_ROWS: Final = 200
WALK_ROWS: Final = 100
RETRY_MS: Final = 1_000
"""After a Tick that failed, for example on a full disk."""


class RoomStatistics(NamedTuple):
    """What the rooms of this process are doing."""

    held: int
    armed: int
    waiting: int
    ticks: int
    conflicts: int
    pending: int
    failures: int
    visits: int


class RoomService:
    """Opens, shows and runs rooms. Every method raises Refusal where the answer is no.

    `owner` names this process and this start of it; `person` finds somebody by id; `random_bits(n)` is randomness;
    `people` says who may open rooms.
    """

    def __init__(
        self,
        store: RoomStore,
        log: RoomLog,
        messages: MessageService,
        catalog: Catalog,
        ids: Snowflakes,
        *,
        homes: Homes,
        plays: PlayStore,
        owner: str,
        person: Callable[[UserId], Awaitable[User | None]],
        now_ms: Callable[[], float],
        random_bits: Callable[[int], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        lead_ms: float = LEAD_MS,
        max_held: int = MAX_HELD,
        people: People | None = None,
    ) -> None:
        self._store = store
        self._messages = messages
        self._catalog = catalog
        self._people = people or People()
        self._ids = ids
        self._homes = homes
        self._plays = plays
        self._owner = owner
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._sleep = sleep
        self._background = Background()
        self._appender = Appender(log, lambda part: encoded(part, catalog.sign), self._background, sleep=sleep)
        self._rooms = OwnedRooms(
            store,
            self._appender,
            self._background,
            owner=owner,
            now_ms=now_ms,
            refresh=lambda room, at_ms: refreshed(catalog, room, at_ms),
            changed=self._changed,
            max_held=max_held,
        )
        self._timers = Timers(now_ms)
        self._history = SetHistory(self._rooms, plays, catalog.sign, now_ms)
        self._snapshots = Snapshots(catalog.sign, now_ms)
        self._chat = Chat(messages, log)
        self._dj = Dj(self._rooms, catalog, ids, lead_ms=lead_ms)
        self._moderation = Moderation(self._rooms, homes, person)
        self._ticks = 0

    async def create(self, actor: User, title: str, settings: events.Settings) -> Room:
        """Open a room whose DJ is `actor`. Refusal `forbidden` to whom the settings do not let."""
        require(actor.role, "open_room", self._people)
        title = checked_title(title)
        dj = events.User(id=str(actor.id), name=actor.name, role="dj")
        for _ in range(5):
            slug = slug_of(title, self._random_bits(30))
            room = Room(id=RoomId(self._ids.next()), slug=slug, dj=dj, title=title, settings=settings)
            try:
                await refusing(self._store.create(room, owner=self._owner))
            except SlugTaken:
                continue
            self._rooms.adopt(room)
            return room
        raise Refusal("conflict", "No free link was found for this title; try again.", retry_after_ms=0)

    async def find(self, id_or_slug: str) -> Room:
        """The room as it is now. Refusal `not_found`."""
        if id_or_slug.isdecimal():
            room = await self._rooms.read(RoomId(asked_id(id_or_slug)))
        else:
            stored = await refusing(self._store.by_slug(id_or_slug))
            if stored is None:
                raise Refusal("not_found", "There is no such session.")
            room = self._rooms.shown(stored)
        return caught_up(room, self._now_ms())

    async def listed(self, viewer: Identity | None) -> list[Room]:
        """The open rooms that are listed, and the viewer's own, newest first; at most 200 of each."""
        stored = await refusing(self._store.listed(limit=LIST_ROWS))
        if viewer is not None and viewer.user_id is not None:
            stored += await refusing(self._store.of_dj(viewer.user_id, limit=LIST_ROWS))
        now_ms = self._now_ms()
        rooms = {row.room.id: caught_up(self._rooms.shown(row), now_ms) for row in stored}
        return [rooms[id] for id in sorted(rooms, reverse=True)]

    async def patch(
        self,
        actor: User,
        room_id: RoomId,
        title: str | None = None,
        settings: events.Settings | None = None,
        end: bool = False,
    ) -> Room:
        """Retitle, change settings, or end for good; answers the room after it."""
        room = await self._rooms.take(room_id)
        permissions.may_lead(room, actor)
        change = intents.Change(None if title is None else checked_title(title), settings)

        def decision(room: Room, now_ms: float) -> Room:
            room = decide(room, change, now_ms)
            return decide(room, intents.End(), now_ms) if end else room

        return await self._rooms.change(room_id, decision)

    def snapshot(self, room: Room) -> Snapshot:
        """The parts of `room`, every `hls` signed."""
        return self._snapshots.of(room)

    async def run(self, room_id: RoomId, actor: User, command: msgspec.Struct, *, device: str | None) -> dict[str, Any]:
        """Do what a `chat:*`, `playback:*`, `queue:*` or `member:*` command asks; answers the reply's response."""
        room = await self._rooms.take(room_id)
        match command:
            case commands.ChatSend() | commands.ChatEdit() | commands.ChatDelete():
                return await self._chat.run(room, actor, command, self._now_ms())
            case commands.PlaybackGet():
                permissions.may_join(room, actor.id)
                playback = self.snapshot(caught_up(room, self._now_ms())).playback
                return msgspec.structs.asdict(playback)
            case commands.MemberKick() | commands.MemberMute() | commands.MemberBan() | commands.MemberRole():
                return await self._moderation.run(room, actor, command, self._now_ms())
            case _:
                permissions.may_lead(room, actor)
                return await self._dj.run(room, actor, command, device)

    async def view(self, room_id: RoomId) -> RoomView:
        """All that a join needs, the same for everybody who joins in this moment. Refusal `not_found`."""
        room = caught_up(await self._rooms.read(room_id), self._now_ms())
        page = await self._messages.page(room_id, limit=SHOWN_MESSAGES)
        door = door_of(room, await self._homes.bans(room))
        return RoomView(self.snapshot(room), [message.as_wire() for message in page.messages], door)

    async def take_up(self, room_id: RoomId) -> None:
        """Run a room with listeners here, so that what an earlier owner saved and could not tell any more is told."""
        with contextlib.suppress(Refusal):
            if not (await self._rooms.read(room_id)).ended:
                await self._rooms.take(room_id)

    async def door(self, room_id: RoomId) -> Door:
        """Who is who in the room; without the bans by home, which matter to joins. Refusal `not_found`."""
        return door_of(await self._rooms.read(room_id))

    async def me(self, room_id: RoomId, user: User | None) -> events.Member:
        """How `user` stands in the room; an anonymous reader is a listener with an empty id."""
        return (await self.door(room_id)).member(user)

    async def members(self, actor: User, room_id: RoomId) -> list[events.Member]:
        """The moderators, and who is muted or banned now. For who keeps order here: Refusal `forbidden`."""
        room = await self._rooms.read(room_id)
        permissions.may_moderate(room, actor)
        now_ms = self._now_ms()
        return [member.as_wire() for member in room.members if not member.is_plain(now_ms)]

    def device_seen(self, room_id: RoomId, device: str) -> None:
        """A socket of `device` is in the room; to be called every 5 s while that is so."""
        due = self._rooms.device_seen(room_id, device)
        if due is not None:
            self._timers.arm(room_id, due)

    async def admit(self, room: Room, identity: Identity, home: str) -> None:
        """Refusal `banned` to who is banned, and to a guest account made after a ban from the same `home`.

        An ended room may be joined: its page says so.
        `home` is `addresses.home_of` where they come from, "" when that is unknown.
        """
        door_of(room, await self._homes.bans(room)).admit(identity, self._homes.hashed(room.id, home))

    def home_hash(self, room_id: RoomId, home: str) -> bytes | None:
        """What a room's door knows `home` by; None for "", which is unknown."""
        return self._homes.hashed(room_id, home)

    def visited(self, room_id: RoomId, user_id: UserId, home: str) -> None:
        """Somebody is in the room, from `home`; to be called when they join and now and then while they are there."""
        self._homes.seen(room_id, user_id, home)

    def on_member(self, callback: MemberCallback) -> None:
        """Call `callback` at once when somebody was "kicked", "banned" or "muted", or got another "role"."""
        self._moderation.on_member(callback)

    def track_changed(self, track: events.Track, *, failed: bool = False) -> None:
        """A track's tags or duration became known, or it cannot be played: every room that has it follows."""
        id = TrackId(int(track.id))
        for room in self._rooms.all_mine():
            if not room.ended and id in track_ids(room, history=True):
                change = self._rooms.change(room.id, with_track(track, failed))
                self._background.spawn(change, name="follow a track's change")

    async def plays(self, room_id: RoomId, before_ms: int | None, limit: int) -> PlayPage:
        """What the room has played, newest first: what started before `before_ms`, or the newest. Unix ms."""
        return await self._history.page(room_id, before_ms, limit)

    async def played(self, room_id: RoomId, tracks: Sequence[TrackId]) -> dict[TrackId, int]:
        """When each of `tracks` last began to sound in the room, Unix ms; those that never did are left out."""
        return await self._history.played(room_id, tracks)

    async def end_rooms_of(self, user_id: UserId) -> int:
        """End every open room of somebody who goes, for good; answers how many."""
        count = 0
        while rows := await refusing(self._store.of_dj(user_id, limit=LIST_ROWS)):
            for row in rows:
                await self._rooms.change(row.room.id, lambda room, now_ms: decide(room, intents.End(), now_ms))
            count += len(rows)
        return count

    async def forget_person(self, user_id: UserId) -> None:
        """Somebody's account is deleted: their rooms end, and no room, set history or ban by address names them."""
        await self.end_rooms_of(user_id)
        await self._forget_name(user_id)
        await refusing(self._plays.forget_person(user_id))
        await self._homes.forget_person(user_id)

    async def queued_tracks(self) -> set[TrackId]:
        """What open rooms play, played just before, or have in their queues; also rooms not in memory now.

        Reads every open room, 100 at a time: about 50 µs each.
        """
        tracks: set[TrackId] = set()
        after = RoomId(0)
        while rows := await refusing(self._store.open_after(after, limit=WALK_ROWS)):
            now_ms, after = self._now_ms(), rows[-1].room.id
            for row in rows:
                tracks |= needed_tracks(caught_up(self._rooms.shown(row), now_ms))
        return tracks

    def renamed(self, dj: User) -> None:
        """Somebody took another name: the open rooms whose DJ they are show it."""
        self._background.spawn(self._rename(dj), name="follow a DJ's new name")

    async def start(self) -> None:
        """Take up the rooms in which something is due, and from now on do it in time."""
        await self.sweep()
        self._background.spawn(self._timers.run(self._tick_soon), name="timers")
        self._background.spawn(self._sweep_for_ever(), name="sweeps")

    async def stop(self) -> None:
        """End every timer, and wait for commands under way; what was answered is stored already."""
        await self._background.stop()
        await self._rooms.settle()
        await self._background.stop()  # what the last commands set off

    async def settle(self) -> None:
        """Wait until nothing that was started runs any more; not to be used after `start`."""
        await self._background.settle()
        await self._rooms.settle()

    async def sweep(self) -> None:
        """Take the rooms that are due within 10 s, and arm their timers; forget what has lapsed."""
        await self._background.run(self._homes.tidy(), name="forget homes")
        soon = await refusing(self._store.due_before(self._now_ms() + SWEEP_AHEAD_MS, limit=SWEEP_ROWS))
        for id in soon:
            if self._rooms.mine(id) is None:
                self._background.spawn(self._rooms.take(id), name="take up a room")

    def tick(self) -> None:
        """Start what is due by now. The timers do it in time once started."""
        for id in self._timers.due(self._now_ms()):
            self._tick_soon(id)

    def statistics(self) -> RoomStatistics:
        """What the rooms of this process are doing."""
        return RoomStatistics(
            held=len(self._rooms),
            armed=len(self._timers),
            waiting=self._rooms.waiting,
            ticks=self._ticks,
            conflicts=self._rooms.conflicts,
            pending=self._appender.pending,
            failures=self._background.failures,
            visits=len(self._homes),
        )

    async def _forget_name(self, user_id: UserId) -> None:
        forget, after = intents.Forget(str(user_id)), RoomId(0)
        while rows := await refusing(self._store.naming(user_id, after=after, limit=LIST_ROWS)):
            for row in rows:
                await self._rooms.change(row.room.id, lambda room, now_ms: decide(room, forget, now_ms))
            after = rows[-1].room.id

    async def _rename(self, dj: User) -> None:
        named = intents.NameDj(dj.name)
        for row in await refusing(self._store.of_dj(dj.id, limit=LIST_ROWS)):
            if not row.room.ended:
                await self._rooms.change(row.room.id, lambda room, now_ms: decide(room, named, now_ms))

    def _tick_soon(self, id: RoomId) -> None:
        self._background.spawn(self._tick(id), name="tick")

    async def _tick(self, id: RoomId) -> None:
        self._ticks += 1
        try:
            room = await self._rooms.change(id, lambda room, now_ms: decide(room, intents.Tick(), now_ms))
        except BaseException:
            if not self._rooms.is_lost(id) and not self._timers.is_armed(id):
                self._timers.arm(id, self._now_ms() + RETRY_MS)
            raise
        self._timers.arm(id, due_ms(room))

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._sleep(SWEEP_EVERY_S)
            await self._background.run(self.sweep(), name="sweep")

    def _changed(self, old: Room | None, new: Room) -> None:
        self._timers.arm(new.id, due_ms(new))
        tracks = track_ids(new)
        if tracks and not new.ended and (old is None or track_ids(old) != tracks):
            self._background.spawn(self._catalog.upcoming(tracks), name="encode ahead")
