"""A room: its state as it is now, its events, and what one may do in it."""

import asyncio
import itertools
import secrets
import weakref
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

import msgspec

from whatssound.client.errors import NotAnswered, Offline
from whatssound.client.happenings import Joined, JoinReply, Lost, RoomEvent
from whatssound.client.listening import Events
from whatssound.client.membership import Host, Membership, RoomStatistics
from whatssound.client.server_clock import ClockAnswer
from whatssound.client.view import RoomView
from whatssound.client.waits import JOIN_MS, wait_ms
from whatssound.rooms.playback import position_at
from whatssound.wire import commands, events
from whatssound.wire.bodies import MessagePage
from whatssound.wire.errors import Refusal
from whatssound.wire.events import Message

COMMAND_S: Final = 30.0
"""How long a command may take, reconnecting included."""

_FLEETING: Final = (commands.Reaction, commands.TypingNow, commands.Clock)
"""What is not said again when the connection was lost meanwhile: its moment has passed."""

_NAMES: Final = {command: name for name, command in commands.COMMANDS.items()}


class RoomHost(Host, Protocol):
    """What a room uses of its client."""

    async def room_id(self, name: str) -> str:
        """The id of the room with this id or slug. Raises Refusal or Unreachable."""
        ...

    async def get(self, path: str) -> bytes:
        """The body at `path`. Raises Refusal or Unreachable."""
        ...

    def server_now_ms(self) -> float:
        """Server time."""
        ...

    def entered(self, room: "Room") -> None:
        """`room` was joined."""
        ...

    def left(self, room: "Room") -> None:
        """`room` was left."""
        ...


class Room:
    """A room that is joined while the `async with` block runs, over as many connections as it takes.

    Entering raises the Refusal with which the server says no to the join for good (`banned`, `not_found`, `ended`, …)
    and waits as long as it says "later". Commands raise Refusal, or NotAnswered after 30 s. They are sent again after
    a lost connection and after `unavailable`, which is harmless: transport commands name what they act on, the others
    carry a nonce.
    """

    def __init__(self, host: RoomHost, name: str, *, device: str | None = None) -> None:
        self._host = host
        self._name = name
        self._device = device
        self._view: RoomView | None = None
        self._membership: Membership | None = None
        self._staying: asyncio.Task[None] | None = None
        self._readers: weakref.WeakSet[Events] = weakref.WeakSet()
        self._since_join: Events | None = Events()
        self._readers.add(self._since_join)
        self._first = asyncio.Event()

    async def __aenter__(self) -> Self:
        room_id = await self._host.room_id(self._name)
        self._membership = Membership(self._host, f"room:{room_id}", self, device=self._device)
        self._staying = asyncio.create_task(self._membership.run())
        self._staying.add_done_callback(self._ended)
        first = asyncio.create_task(self._first.wait())
        try:
            await asyncio.wait({self._staying, first}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            first.cancel()
        if self._staying.done():
            self._staying.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.left(self)
        if self._membership is not None:
            self._membership.leave()
        if self._staying is not None:
            self._staying.cancel()
            await asyncio.gather(self._staying, return_exceptions=True)

    # --- how things are -----------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The room's id."""
        return self._seen.room.id

    @property
    def room(self) -> events.RoomState:
        """Title, slug, DJ, settings, open or ended."""
        return self._seen.room

    @property
    def playback(self) -> events.Playback:
        """What sounds; see `position_now_ms`."""
        return self._seen.playback

    @property
    def queue(self) -> events.Queue:
        """What comes next."""
        return self._seen.queue

    @property
    def listeners(self) -> int:
        """How many hear this."""
        return self._seen.listeners

    @property
    def me(self) -> events.Member | None:
        """How you stand here; None for a token that only reads."""
        return self._seen.me

    @property
    def messages(self) -> list[events.Message]:
        """The newest messages (200 at most), oldest first."""
        return self._seen.messages

    @property
    def position(self) -> commands.Position | None:
        """The last event of the room's log that was taken in."""
        return None if self._membership is None else self._membership.position

    @property
    def is_live(self) -> bool:
        """Whether the room is joined right now; otherwise it is what it was when the connection was lost."""
        return self._membership is not None and self._membership.is_live

    def position_now_ms(self) -> float:
        """Where the sound is now, in ms from the track's start."""
        playback = self._seen.playback
        position_ms = position_at(playback, self._host.server_now_ms())
        duration_ms = 0 if playback.track is None else playback.track.duration_ms
        return min(position_ms, duration_ms) if duration_ms else position_ms

    def statistics(self) -> RoomStatistics:
        """How often it was joined, resumed and reset; faults in the order of events, which there should not be."""
        if self._membership is None:
            return RoomStatistics(0, 0, 0, 0, 0)
        return self._membership.statistics()

    def events(self) -> Events:
        """Every event since the join, and for whoever calls it again every event from now on.

        `async for event in room.events()` ends when the room is left, and raises the Refusal with which the server
        ends it (`kicked`, `banned`, `ended`, …).
        """
        reader, self._since_join = self._since_join or Events(), None
        if self._staying is None or self._staying.done():
            self._end(reader)
        else:
            self._readers.add(reader)
        return reader

    async def history(self, *, before: str | None = None, after: str | None = None, limit: int = 50) -> MessagePage:
        """A page of the chat, newest first, at most 100 messages. Raises Refusal or Unreachable."""
        place = f"&before={before}" if before is not None else f"&after={after}" if after is not None else ""
        body = await self._host.get(f"/v1/rooms/{self.id}/messages?limit={limit}{place}")
        return msgspec.json.decode(body, type=MessagePage)

    async def said_after(self, message_id: str) -> AsyncIterator[Message]:
        """Every message after `message_id`, oldest first: what a bot missed that was not in the room."""
        while True:
            page = await self.history(after=message_id, limit=100)
            for message in reversed(page.messages):
                message_id = message.id
                yield message
            if not page.messages or not page.has_more:
                return

    # --- what one may do ----------------------------------------------------------------------------------------

    async def say(self, text: str, *, reply_to: str | None = None, nonce: str | None = None) -> str:
        """Say something; the message's id. It is stored when this returns, once, however often it was sent."""
        nonce = secrets.token_hex(12) if nonce is None else nonce
        return str((await self.do(commands.ChatSend(text, nonce, reply_to)))["id"])

    async def edit(self, message_id: str, text: str) -> None:
        """Replace the text of a message of yours."""
        await self.do(commands.ChatEdit(message_id, text))

    async def delete(self, message_id: str) -> None:
        """Take a message back."""
        await self.do(commands.ChatDelete(message_id))

    async def react(self, emoji: str) -> None:
        """Cheer, with one of `wire.commands.REACTIONS`. Raises Offline when the connection was lost meanwhile."""
        await self.do(commands.Reaction(emoji))

    async def play(self, entry_id: str | None = None, *, position_ms: float | None = None) -> None:
        """DJ: play an entry of the queue, or go on with the one that is loaded."""
        await self.do(commands.PlaybackPlay(entry_id or self.playback.entry_id, position_ms))

    async def pause(self) -> None:
        """DJ: pause."""
        await self.do(commands.PlaybackPause())

    async def seek(self, position_ms: float) -> None:
        """DJ: go to another place in what sounds."""
        await self.do(commands.PlaybackSeek(position_ms, self.playback.entry_id))

    async def skip(self) -> None:
        """DJ: on to the next entry."""
        await self.do(commands.PlaybackSkip(self.playback.entry_id))

    async def add(self, track_ids: Sequence[str], *, before: str | None = None) -> list[str]:
        """DJ: put tracks into the queue, all or none; the entries' ids."""
        nonce = secrets.token_hex(12)
        answer = await self.do(commands.QueueAddMany(list(track_ids), nonce, before))
        return [str(entry) for entry in answer["entry_ids"]]

    async def remove(self, entry_id: str) -> None:
        """DJ: take an entry out of the queue."""
        await self.do(commands.QueueRemove(entry_id))

    async def do(self, command: msgspec.Struct, *, timeout_s: float = COMMAND_S) -> dict[str, Any]:
        """Send any command of `wire.commands`; what it is answered with."""
        if self._membership is None:
            raise Offline("the room is not joined: use it with `async with`")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._done(self._membership, command)
        except TimeoutError as late:
            raise NotAnswered(f"{_NAMES[type(command)]} was not done within {timeout_s} s") from late

    async def clock(self, t1: float) -> ClockAnswer | None:
        """What the server's clock says; None when nobody answers. `Client` asks by itself."""
        try:
            answer = await self.do(commands.Clock(t1), timeout_s=5)
        except (Offline, NotAnswered):
            return None
        return msgspec.convert(answer, ClockAnswer)

    # --- what the membership calls ------------------------------------------------------------------------------

    def joined(self, reply: JoinReply, missed: list[RoomEvent] | None) -> None:
        """In the room."""
        if self._view is None:
            self._view = RoomView(reply)
            self._first.set()
        else:
            self._view.rejoined(reply, missed)
            self._tell(Joined(resumed=missed is not None))
            for event in missed or ():
                self._tell(event)
        self._host.entered(self)

    def happened(self, event: RoomEvent) -> None:
        """An event of the room."""
        self._seen.apply(event)
        self._tell(event)

    def lost(self) -> None:
        """Out of the room."""
        self._tell(Lost())

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _seen(self) -> RoomView:
        if self._view is None:
            raise Offline("the room is not joined: use it with `async with`")
        return self._view

    async def _done(self, membership: Membership, command: msgspec.Struct) -> dict[str, Any]:
        """Ask until there is an answer that counts: a lost connection and `unavailable` are none."""
        for tries in itertools.count(1):
            if self._staying is not None and self._staying.done() and not self._staying.cancelled():
                self._staying.result()
            try:
                answer = await membership.ask(_NAMES[type(command)], command)
                return msgspec.json.decode(answer, type=dict[str, Any])
            except Offline:
                if isinstance(command, _FLEETING) or self._staying is None or self._staying.cancelled():
                    raise
            except Refusal as refusal:
                if isinstance(command, _FLEETING) or refusal.code != "unavailable":
                    raise
                pause_ms = wait_ms(JOIN_MS, tries, self._host.chance(), retry_after_ms=refusal.retry_after_ms)
                await asyncio.sleep(pause_ms / 1_000)
        raise AssertionError("there is always another try")

    def _tell(self, event: RoomEvent) -> None:
        for reader in self._readers:
            reader.put(event)

    def _ended(self, staying: "asyncio.Task[None]") -> None:
        del staying
        for reader in self._readers:
            self._end(reader)
        self._readers.clear()

    def _end(self, reader: Events) -> None:
        failed = self._staying is not None and self._staying.done() and not self._staying.cancelled()
        problem = self._staying.exception() if failed and self._staying is not None else None
        reader.end(problem if isinstance(problem, Exception) else None)
