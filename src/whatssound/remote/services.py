"""The gateway process's side: rooms and people of the owner process, asked over the bus."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

from whatssound.accounts.known import Known
from whatssound.accounts.user import Identity, User
from whatssound.bus.bus import Bus, NoAnswer
from whatssound.ids import RoomId, UserId
from whatssound.messages.coalesce import SingleFlight
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.kept import KeptPage
from whatssound.realtime.topics import Topic
from whatssound.remote.news import NewsFollower, ended
from whatssound.remote.questions import (
    OWNER_TOPIC,
    SEEN_TOPIC,
    Changed,
    Concerned,
    DoorOf,
    Item,
    Keep,
    KeptSince,
    News,
    NewsSince,
    Person,
    PlaybackOf,
    Question,
    Recalled,
    Run,
    Seen,
    ViewOf,
    answered,
    decode_news,
    encode,
    name_of,
)
from whatssound.rooms.door import Door
from whatssound.rooms.homes import hashed
from whatssound.rooms.view import RoomView
from whatssound.wire import events
from whatssound.wire.errors import Refusal

READ_S: Final = 5.0
"""How long a question may take; a join that waits longer is better tried again."""

RUN_S: Final = 10.0
"""How long a command may take: a room log that lost its leader is back in 4-7 s."""

MAX_VISITS: Final = 10_000
"""Visits that wait to be told; the oldest make way. All are told again after 5 minutes."""

VISITS_A_MESSAGE: Final = 1_000
"""About 50 KB."""

SEEN_EVERY_S: Final = 1.0

T = TypeVar("T")


class RemoteStatistics(NamedTuple):
    """What this process asks of the owner."""

    asked: int
    unanswered: int
    visits_waiting: int


class RemoteServices:
    """What the gateway asks (`gateway.services.Services`), answered by the owner process.

    Entered with `async with` it follows what changes about people; `ready()` returns once it knows as much as the
    owner. Until then nobody's token is believed. `homes_key` is the key under which rooms know homes.
    """

    def __init__(self, bus: Bus, known: Known, *, homes_key: bytes) -> None:
        self._bus = bus
        self._known = known
        self._homes_key = homes_key
        self._doors: SingleFlight[RoomId, None, Door] = SingleFlight()
        self._people: SingleFlight[UserId, Identity, User] = SingleFlight()
        self._visits: deque[tuple[RoomId, UserId, str]] = deque(maxlen=MAX_VISITS)
        self._on_member: list[Callable[[RoomId, UserId, str], None]] = []
        self._on_recalled: list[Callable[[], None]] = []
        self._on_doubt: list[Callable[[], None]] = []
        self._follower = NewsFollower(bus, self._news, self)
        self._tasks: list[asyncio.Task[None]] = []
        self._asked = self._unanswered = 0
        self.ready = self._follower.ready
        self.is_recalled = known.is_recalled
        self.latest = known.latest
        self.changes = known.changes

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follower.run()), loop.create_task(self._told())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._follower.close()
        for task in self._tasks:
            await ended(task)

    @property
    def is_ready(self) -> bool:
        """Whether the owner was heard since this process began."""
        return self._follower.is_ready

    def statistics(self) -> RemoteStatistics:
        """What was asked, and what waits."""
        return RemoteStatistics(self._asked, self._unanswered, len(self._visits))

    # --- what the gateway asks -----------------------------------------------------------------------------------

    def verify(self, token: str) -> Identity:
        """As Services; `unavailable` until it is known which tokens were recalled."""
        if not self.is_ready:
            raise _no_answer()
        return self._known.verify(token)

    async def user(self, identity: Identity) -> User:
        """As Services; asked only when the token may not say the truth any more, once for all who ask meanwhile."""
        if identity.user_id is None:
            raise Refusal("forbidden", "This token only reads; sign in with a name first.")
        known = self._known.person(identity)
        if known is not None:
            return known
        ask = Person(identity)
        found = await self._people.get(identity.user_id, identity, lambda: self._ask(ask, User, READ_S))
        return self._known.latest(identity, found)

    async def view(self, room_id: RoomId) -> RoomView:
        """As Services: one question each time."""
        return await self._ask(ViewOf(room_id), RoomView, READ_S)

    def admit(self, room_id: RoomId, view: RoomView, identity: Identity, home: str) -> None:
        """As Services."""
        view.door.admit(identity, hashed(room_id, home, key=self._homes_key))

    async def me(self, room_id: RoomId, user: User | None) -> events.Member:
        """As Services: one question for all who ask meanwhile, and since somebody was last concerned."""
        door = await self._doors.get(room_id, None, lambda: self._ask(DoorOf(room_id), Door, READ_S))
        return door.member(user)

    async def playback(self, room_id: RoomId) -> events.Playback:
        """As Services."""
        return await self._ask(PlaybackOf(room_id), events.Playback, READ_S)

    async def run(
        self, room_id: RoomId, identity: Identity, user: User, command: msgspec.Struct, device: str | None
    ) -> bytes:
        """As Services."""
        return await self._raw(Run(room_id, identity, user, name_of(command), encode(command), device), RUN_S)

    async def keep(self, topic: Topic, broadcast: Broadcast, ttl_ms: int | None) -> str:
        """As Services."""
        return await self._ask(Keep(topic, broadcast, ttl_ms), str, RUN_S)

    async def kept_since(self, topic: Topic, since_ms: int, limit: int, below: str | None) -> KeptPage:
        """As Services."""
        return await self._ask(KeptSince(topic, since_ms, limit, below), KeptPage, READ_S)

    def visited(self, room_id: RoomId, user_id: UserId, home: str) -> None:
        """As Services; told within a second."""
        if home:
            self._visits.append((room_id, user_id, home))

    def device_seen(self, room_id: RoomId, device: str) -> None:
        """As Services; told at once."""
        self._bus.publish(SEEN_TOPIC, encode(Seen([], [(room_id, device)])))

    def on_member(self, callback: Callable[[RoomId, UserId, str], None]) -> None:
        """As Services."""
        self._on_member.append(callback)

    def on_recalled(self, callback: Callable[[], None]) -> None:
        """As Services."""
        self._on_recalled.append(callback)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """As Services: after so much was missed, or so long, that the owner cannot tell it one by one."""
        self._on_doubt.append(callback)

    # --- what the owner tells ------------------------------------------------------------------------------------

    def item(self, item: Item) -> None:
        """One thing happened."""
        match item:
            case Changed(user=user):
                self._known.changed(user)
                self._people.forget(user.id)
            case Recalled(user=user, up_to_ms=up_to_ms):
                self._known.recalled({user: up_to_ms})
                self._tell_recalled()
            case Concerned(room=room, user=user, what=what):
                self._doors.forget(room)
                for callback in self._on_member:
                    callback(room, user, what)

    def everything(self, news: News) -> None:
        """Things happened that nobody can tell one by one any more."""
        if news.people is not None:
            self._known.catch_up(news.people)
        self._doors.forget_all()
        self._people.forget_all()
        self._tell_recalled()
        for callback in self._on_doubt:
            callback()

    def _tell_recalled(self) -> None:
        for callback in self._on_recalled:
            callback()

    # --- inside --------------------------------------------------------------------------------------------------

    async def _news(self, asked: NewsSince) -> News:
        return decode_news(await self._raw(asked, READ_S))

    async def _ask(self, question: Question, answer: type[T], timeout_s: float) -> T:
        return msgspec.msgpack.decode(await self._raw(question, timeout_s), type=answer)

    async def _raw(self, question: Question, timeout_s: float) -> bytes:
        self._asked += 1
        try:
            message = await self._bus.request(OWNER_TOPIC, encode(question), timeout_s=timeout_s)
        except NoAnswer as problem:
            self._unanswered += 1
            raise _no_answer() from problem
        return answered(message)

    async def _told(self) -> None:
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            self.tell_visits()

    def tell_visits(self) -> None:
        """Tell the owner of the visits that wait."""
        waiting: list[Any] = list(self._visits)
        self._visits.clear()
        for first in range(0, len(waiting), VISITS_A_MESSAGE):
            self._bus.publish(SEEN_TOPIC, encode(Seen(waiting[first : first + VISITS_A_MESSAGE], [])))


def _no_answer() -> Refusal:
    return Refusal("unavailable", "The session does not answer just now; try again.", retry_after_ms=1_000)
