"""The owner's side: answers what gateway processes ask of its rooms and people."""

import asyncio
from typing import Final, NamedTuple, Self

import msgspec
import structlog

from whatssound.accounts.service import Accounts
from whatssound.accounts.user import User
from whatssound.bus.bus import Bus
from whatssound.bus.log import Subscription
from whatssound.messages.refusing import refusing
from whatssound.realtime.kept import KeptBroadcasts
from whatssound.remote.news import NewsDesk, ended
from whatssound.remote.questions import (
    OWNER_TOPIC,
    SEEN_TOPIC,
    DoorOf,
    Keep,
    KeptSince,
    NewsSince,
    Person,
    PlaybackOf,
    Run,
    ViewOf,
    command_of,
    decode_question,
    decode_seen,
    encode,
    no,
    yes,
)
from whatssound.rooms.service import RoomService
from whatssound.wire.errors import Refusal

MAX_WORKING: Final = 1_000
"""Questions under way; what comes on top is answered `overloaded`. Five busy rooms may each have 200 commands wait."""

_log = structlog.get_logger("whatssound.remote")
_encode_json = msgspec.json.Encoder().encode


class OwnerStatistics(NamedTuple):
    """What gateway processes ask."""

    working: int
    answered: int
    refused: int
    failed: int


class Owner:
    """Answers on the bus while it is entered with `async with`. `epoch` names this start of the process.

    Questions are answered beside each other; a room's commands keep their turn (see OwnedRooms).
    """

    def __init__(self, bus: Bus, accounts: Accounts, rooms: RoomService, kept: KeptBroadcasts, *, epoch: str) -> None:
        self._bus = bus
        self._accounts = accounts
        self._rooms = rooms
        self._kept = kept
        self._desk = NewsDesk(bus, accounts.known, epoch=epoch)
        self._subscriptions: list[Subscription] = []
        self._beating: asyncio.Task[None] | None = None
        self._working = self._answered = self._refused = self._failed = 0
        accounts.on_changed(self._desk.changed)
        accounts.on_recalled(self._desk.recalled)
        rooms.on_member(self._desk.concerned)

    async def __aenter__(self) -> Self:
        self._subscriptions = [
            self._bus.answer(OWNER_TOPIC, self._answer),
            self._bus.subscribe(SEEN_TOPIC, self._seen),
        ]
        self._beating = asyncio.get_running_loop().create_task(self._desk.beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        if self._beating is not None:
            await ended(self._beating)

    def statistics(self) -> OwnerStatistics:
        """What was asked."""
        return OwnerStatistics(self._working, self._answered, self._refused, self._failed)

    async def _answer(self, message: bytes) -> bytes:
        if self._working >= MAX_WORKING:
            self._refused += 1
            return no(Refusal("overloaded", "Too much at once; try again.", retry_after_ms=1_000))
        self._working += 1
        try:
            answer = yes(await refusing(self._answered_to(message)))
            self._answered += 1
            return answer
        except Refusal as refusal:
            self._refused += 1
            return no(refusal)
        except Exception:  # the edge of a question
            self._failed += 1
            _log.exception("a question could not be answered")
            return no(Refusal("internal", "Something went wrong here; it was written down."))
        finally:
            self._working -= 1

    async def _answered_to(self, message: bytes) -> bytes:
        answer: object
        match decode_question(message):
            case ViewOf(room=room):
                answer = await self._rooms.view(room)
            case DoorOf(room=room):
                await self._rooms.take_up(room)
                answer = await self._rooms.door(room)
            case PlaybackOf(room=room):
                answer = self._rooms.snapshot(await self._rooms.find(str(room))).playback
            case Person(identity=identity):
                answer = await self._accounts.user(identity)
            case Run() as asked:
                return await self._run(asked)
            case Keep(topic=topic, broadcast=broadcast, ttl_ms=ttl_ms):
                answer = await self._kept.keep(topic, broadcast, ttl_ms)
            case KeptSince(topic=topic, since_ms=since_ms, limit=limit, below=below):
                answer = await self._kept.since(topic, since_ms, limit, below)
            case NewsSince() as asked:
                answer = self._desk.since(asked)
        return encode(answer)

    async def _run(self, asked: Run) -> bytes:
        """The gateway may not have heard yet what happened to this person; here it is known."""
        if self._accounts.is_recalled(asked.identity):
            raise Refusal("unauthorized", "This sign-in has ended; sign in again.")
        user: User = self._accounts.latest(asked.identity, asked.user)
        return _encode_json(await self._rooms.run(asked.room, user, command_of(asked), device=asked.device))

    def _seen(self, message: bytes) -> None:
        seen = decode_seen(message)
        for room, user, home in seen.visits:
            self._rooms.visited(room, user, home)
        for room, device in seen.devices:
            self._rooms.device_seen(room, device)
