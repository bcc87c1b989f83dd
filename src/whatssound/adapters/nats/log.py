"""The room log on a JetStream stream: R1 beside one host's processes, R3 on a cluster."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec
import structlog
from nats.aio.msg import Msg

from whatssound.adapters.nats.connection import NatsConnection
from whatssound.adapters.nats.fanout import Fanout
from whatssound.adapters.nats.moved import MovedRooms, is_beyond
from whatssound.adapters.nats.reading import StreamReader, stored
from whatssound.adapters.nats.replies import NoResponder, NotConnected
from whatssound.adapters.nats.since import Untold, since
from whatssound.adapters.nats.stream import (
    LogSettings,
    StreamMissing,
    StreamState,
    begin_epoch,
    live_subject,
    open_stream,
    room_subject,
    stream_state,
)
from whatssound.bus.log import LogEvent, LogPosition, LogStatistics, LogUnavailable, Reset, Subscription
from whatssound.ids import RoomId

APPEND_BUDGET_S: Final = 15.0
"""For so long an append is tried again: losing the stream's leader stops all writes for 4 to 7 s."""

ATTEMPT_S: Final = 2.0
FIRST_BACKOFF_S: Final = 0.05
LONGEST_BACKOFF_S: Final = 0.5

MAX_APPENDING: Final = 2_000
"""Appends under way; beyond it the log is unavailable at once instead of later."""

LAG_DELAYS_S: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""A server that lags behind the leader is asked again after these; another one may answer then."""

POSITIONS_AT_ONCE: Final = 256
"""Rooms in one question for positions: the answer carries their newest events."""

REFRESH_S: Final = 5.0
SOONEST_REFRESH_S: Final = 0.25
BACKWARDS_SEEN: Final = 3
"""A leader that has just been elected may for a moment know less than its predecessor; a restored store goes on so."""

KNOWN_ROOMS: Final = 20_000
FULL: Final = 0.95

_log = structlog.get_logger("whatssound.log")


@dataclass(frozen=True, slots=True)
class NatsLogStatistics(LogStatistics):
    """What the stream held when its leader was last asked, and what this process did with it."""

    duplicates: int
    """Appends that were known already."""
    retries: int
    unavailable: int
    """Appends that were given up."""
    appending: int
    delivered: int
    replays: int
    resets: int
    lagging: int
    """Reads that were repeated because a server lagged behind the leader."""
    epochs: int
    """Times that a new life of the log was noticed while this process ran."""
    compared: int
    """Rooms whose cursors were compared with the stream, each time counted."""
    compared_events: int
    """Newest events that came with the answers: what comparing costs."""
    full: float
    """Of the bytes that the stream may hold; near 1 it keeps less time than it should."""


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: dict[str, object] | None = None


class _NotTaken(Exception):
    """One attempt failed; the next may not."""


class NatsLog:
    """RoomLog on `connection`, which the caller opens and closes: `log = await NatsLog.open(connection)`.

    The epoch is the stream's: a new stream has a new one, and `begin_epoch` begins another (whoever starts a private
    server calls it first; an operator does so after a restore). A running process notices, and every reader starts
    over. A stream whose numbers went backwards is noticed too, and gets a new epoch from whoever sees it.
    """

    def __init__(self, connection: NatsConnection, settings: LogSettings, state: StreamState) -> None:
        self._connection = connection
        self._settings = settings
        self._state = state
        self._reader = StreamReader(connection, settings.name)
        self._moved = MovedRooms(self._reader, settings.name)
        self._fanout: Fanout[LogEvent] = Fanout(connection, self._event)
        self._gap_callbacks: list[Callable[[], None]] = []
        self._newest: OrderedDict[RoomId, LogPosition] = OrderedDict()
        self._highest = state.last_seq
        self._backwards = 0
        self._missing = 0
        self._refresh_now = asyncio.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._appending = self._appended = self._duplicates = self._retries = self._unavailable = 0
        self._replays = self._resets = self._lagging = self._epochs = 0
        connection.on_gap(self._missed)

    @classmethod
    async def open(cls, connection: NatsConnection, settings: LogSettings | None = None) -> "NatsLog":
        """The log as it is, or a new one. Raises LogUnavailable."""
        settings = settings or LogSettings()
        log = cls(connection, settings, await open_stream(connection, settings))
        log._refreshing = asyncio.get_running_loop().create_task(log._keep_refreshing())
        return log

    async def close(self) -> None:
        """Stop looking after the stream."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    @property
    def epoch(self) -> str:
        """The name of this life of the log, as far as this process knows."""
        return self._state.epoch

    async def append(self, room: RoomId, record: bytes, *, key: str) -> LogPosition:
        """Store `record`, trying again for `APPEND_BUDGET_S`. `key` is printable ASCII without spaces.

        Raises LogUnavailable.
        """
        if self._appending >= MAX_APPENDING:
            self._unavailable += 1
            raise LogUnavailable("too many appends wait already")
        self._appending += 1
        try:
            return await self._persist(room, record, key)
        finally:
            self._appending -= 1

    async def subscribe(self, room: RoomId, on_event: Callable[[LogEvent], None]) -> Subscription:
        """Deliver each event from now on, as the server says that it is stored. Raises LogUnavailable."""
        listener = self._fanout.add(live_subject(self._settings.name, self.epoch, room), on_event)
        try:
            await self._connection.flush()
        except NotConnected as problem:
            listener.close()
            raise LogUnavailable("NATS does not answer") from problem
        return listener

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        """Every event after `after`, up to what the stream's leader says is the newest. Raises LogUnavailable."""
        self._replays += 1
        for delay_s in LAG_DELAYS_S:
            await asyncio.sleep(delay_s)
            answer = await self._replay(room, after)
            if isinstance(answer, Reset):
                self._resets += 1
            if answer is not None:
                return answer
            self._lagging += 1
        raise LogUnavailable("the servers that can be asked lag behind the stream's leader")

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        """The newest position of each room that is known here or to the server asked. Raises LogUnavailable."""
        epoch = self.epoch
        subjects = [room_subject(self._settings.name, epoch, room) for room in rooms]
        found = dict.fromkeys(rooms, LogPosition(epoch, 0, ""))
        for start in range(0, len(subjects), POSITIONS_AT_ONCE):
            for event in (await self._reader.newest_of(subjects[start : start + POSITIONS_AT_ONCE])).events:
                found[event.room] = event.position(epoch)
        for room, position in found.items():
            known = self._newest.get(room)
            if known is not None and known.epoch == epoch and known.seq > position.seq:
                found[room] = known
        return found

    async def moved(self, cursors: Mapping[RoomId, LogPosition]) -> dict[RoomId, LogPosition]:
        """The rooms that went on without us; at rest it costs 1 ms of CPU for 1,000 rooms. Raises LogUnavailable."""
        epoch = self.epoch
        moved = await self._moved.of(epoch, cursors)
        for room, cursor in cursors.items():
            known = self._newest.get(room)
            if known is not None and known.epoch == epoch and is_beyond(known, moved.get(room, cursor)):
                moved[room] = known  # the server asked lags behind what was seen here
        return moved

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call `callback` after a reconnect, a dropped message or a new epoch."""
        self._gap_callbacks.append(callback)

    def statistics(self) -> NatsLogStatistics:
        """What the stream held at the last look, which is at most `REFRESH_S` old, and what was done here."""
        state = self._state
        return NatsLogStatistics(
            rooms=state.rooms,
            events=state.events,
            bytes=state.bytes,
            appended=self._appended,
            duplicates=self._duplicates,
            retries=self._retries,
            unavailable=self._unavailable,
            appending=self._appending,
            delivered=self._fanout.delivered,
            replays=self._replays,
            resets=self._resets,
            lagging=self._lagging,
            epochs=self._epochs,
            compared=self._moved.looks().rooms,
            compared_events=self._moved.looks().events,
            full=self._full(state),
        )

    async def refresh(self) -> None:
        """Ask the stream's leader how things stand; done every `REFRESH_S` anyway. Raises LogUnavailable."""
        # Only what was known before the question can prove anything: appends overtake the answer.
        floor, epoch = self._highest, self.epoch
        try:
            state = await stream_state(self._connection, self._settings)
        except StreamMissing:
            self._missing += 1
            if self._missing < BACKWARDS_SEEN:
                return
            _log.error("the room log's stream is gone: a new one is made")
            state = await open_stream(self._connection, self._settings)
        self._missing = 0
        self._adopt(state)
        if state.last_seq >= floor or state.epoch != epoch:
            self._backwards = 0
            return
        self._backwards += 1
        if self._backwards >= BACKWARDS_SEEN:
            await self._went_backwards()

    async def _persist(self, room: RoomId, record: bytes, key: str) -> LogPosition:
        loop = asyncio.get_running_loop()
        deadline_s, backoff_s = loop.time() + APPEND_BUDGET_S, FIRST_BACKOFF_S
        while True:
            try:
                return await self._attempt(room, record, key)
            except _NotTaken as problem:
                self._refresh_now.set()
                if loop.time() + backoff_s > deadline_s:
                    self._unavailable += 1
                    raise LogUnavailable(str(problem)) from problem
                self._retries += 1
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    async def _attempt(self, room: RoomId, record: bytes, key: str) -> LogPosition:
        epoch, floor = self.epoch, self._highest
        subject = room_subject(self._settings.name, epoch, room)
        headers = {"Nats-Msg-Id": _id(epoch, room, key)}
        try:
            reply = await self._connection.request(subject, record, timeout_s=ATTEMPT_S, headers=headers)
            ack = msgspec.json.decode(reply.data, type=_Ack)
        except (NotConnected, NoResponder, TimeoutError, msgspec.MsgspecError) as problem:
            raise _NotTaken(f"the stream did not take it: {problem!r}") from problem
        if ack.error is not None:
            raise _NotTaken(f"the stream did not take it: {ack.error}")
        if not ack.duplicate and ack.seq <= floor and epoch == self.epoch:
            await self._went_backwards()
            raise _NotTaken("the stream's numbers went backwards")
        position = LogPosition(epoch, ack.seq, key)
        self._duplicates += ack.duplicate
        self._appended += not ack.duplicate
        if epoch == self.epoch:
            self._note(room, position)
        return position

    async def _replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset | None:
        """As `replay`; None when the server asked lags behind the leader."""
        if after.epoch != self.epoch:
            return Reset("another epoch")
        if after.seq <= 0:
            return Reset("position not in the log")
        subject = room_subject(self._settings.name, after.epoch, room)
        events = await since(self._reader, subject, after.seq, _id(after.epoch, room, after.key))
        if events is Untold.LAGS:
            return None
        if isinstance(events, Untold):
            return Reset("position not in the log")
        return [
            LogEvent(room=room, seq=event.seq, prev=before.seq, key=event.key, record=event.data)
            for before, event in pairwise(events)
        ]

    def _event(self, message: Msg) -> LogEvent | None:
        try:
            event, prev = stored(message), int((message.headers or {})["Nats-Last-Sequence"])
            epoch = event.subject.split(".")[-2]
            position, room = event.position(epoch), event.room
        except (KeyError, ValueError):
            _log.warning("a message on a room's live subject is no event", subject=message.subject)
            return None
        if epoch == self.epoch:
            self._note(room, position)
        return LogEvent(room=room, seq=event.seq, prev=prev, key=event.key, record=event.data)

    def _note(self, room: RoomId, position: LogPosition) -> None:
        self._highest = max(self._highest, position.seq)
        known = self._newest.get(room)
        if known is None or known.epoch != position.epoch or known.seq < position.seq:
            self._newest[room] = position
            self._newest.move_to_end(room)
            if len(self._newest) > KNOWN_ROOMS:
                self._newest.popitem(last=False)

    async def _went_backwards(self) -> None:
        """Someone put an old copy of the store back: its numbers will be used twice, so the epoch must differ."""
        _log.error("the room log's numbers went backwards, as after a restore: a new epoch begins")
        await begin_epoch(self._connection, self._settings, instead_of=self.epoch)
        self._adopt(await stream_state(self._connection, self._settings))

    def _adopt(self, state: StreamState) -> None:
        before, self._state = self._state, state
        if self._full(state) >= FULL > self._full(before):
            _log.warning("the room log is full: it keeps less than it should", max_bytes=state.max_bytes)
        if state.epoch != before.epoch:
            _log.warning("the room log has a new epoch", epoch=state.epoch)
            self._epochs += 1
            self._backwards = 0
            self._highest = state.last_seq
            self._newest.clear()
            self._missed()

    def _full(self, state: StreamState) -> float:
        return state.bytes / state.max_bytes if state.max_bytes > 0 else 0.0

    def _missed(self) -> None:
        self._refresh_now.set()
        for callback in self._gap_callbacks:
            callback()

    async def _keep_refreshing(self) -> None:
        while True:
            await asyncio.sleep(SOONEST_REFRESH_S)
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._refresh_now.wait()
            except TimeoutError:
                pass
            self._refresh_now.clear()
            try:
                await self.refresh()
            except LogUnavailable as problem:
                _log.debug("the room log does not answer", problem=str(problem))
            except Exception:
                # The edge of a job: it runs for as long as the process does.
                _log.exception("the room log could not be looked after")


def _id(epoch: str, room: RoomId, key: str) -> str:
    """What NATS knows an event by: it compares ids in the whole stream, we in one room of one epoch."""
    return f"{epoch}.{room}.{key}"
