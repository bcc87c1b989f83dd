"""What gateway processes must hear of people: numbered by the owner, followed without a gap by everybody else."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from whatssound.accounts.known import Known
from whatssound.accounts.user import User
from whatssound.bus.bus import Bus
from whatssound.ids import RoomId, UserId
from whatssound.remote.questions import (
    NEWS_TOPIC,
    Changed,
    Concerned,
    Item,
    News,
    NewsSince,
    Notice,
    Recalled,
    decode_notice,
    encode,
)
from whatssound.wire.errors import Refusal

BEAT_S: Final = 0.5
"""How often the newest number is told again: what was lost is missed within this time, and asked for at once."""

KEPT_ITEMS: Final = 1_000
"""Items a gateway may catch up with one by one; who missed more takes the state they led to."""

SENT_CHANGES: Final = 5_000
"""Names and roles in one answer: about 400 KB, of the 1 MB that a message may have."""

AGAIN_S: Final = 0.5
"""Between two tries to catch up."""

_log = structlog.get_logger("whatssound.remote")


class NewsDesk:
    """The owner's side: numbers what happens, tells it, and keeps the newest for who missed it."""

    def __init__(self, bus: Bus, known: Known, *, epoch: str) -> None:
        self._bus = bus
        self._known = known
        self._epoch = epoch
        self._number = 0
        self._kept: deque[Item] = deque(maxlen=KEPT_ITEMS)

    def changed(self, user: User) -> None:
        """Somebody took another name or role."""
        self._tell(Changed(user))

    def recalled(self, user: UserId, up_to_ms: int) -> None:
        """Somebody's tokens of up to then do not count any more."""
        self._tell(Recalled(user, up_to_ms))

    def concerned(self, room: RoomId, user: UserId, what: str) -> None:
        """Somebody was kicked, banned or muted, or got another role."""
        self._tell(Concerned(room, user, what))

    def since(self, asked: NewsSince) -> News:
        """What came after; with it the whole state for who comes from another epoch or from too far behind."""
        missed = self._number - asked.number
        if asked.epoch != self._epoch or not 0 <= missed <= len(self._kept):
            return News(self._epoch, self._number, [], self._known.news(most=SENT_CHANGES))
        return News(self._epoch, self._number, list(self._kept)[len(self._kept) - missed :], None)

    async def beat(self) -> None:
        """Tell the newest number, for ever."""
        while True:
            self._bus.publish(NEWS_TOPIC, encode(Notice(self._epoch, self._number, None)))
            await asyncio.sleep(BEAT_S)

    def _tell(self, item: Item) -> None:
        self._number += 1
        self._kept.append(item)
        self._bus.publish(NEWS_TOPIC, encode(Notice(self._epoch, self._number, item)))


class Heard(Protocol):
    """Who wants to know."""

    def item(self, item: Item) -> None:
        """One thing happened."""
        ...

    def everything(self, news: News) -> None:
        """Things happened that nobody can tell one by one any more."""
        ...


class NewsFollower:
    """A gateway's side: every item once and in order, or the state instead. `ask` puts the question to the owner."""

    def __init__(self, bus: Bus, ask: Callable[[NewsSince], Awaitable[News]], heard: Heard) -> None:
        self._ask = ask
        self._heard = heard
        self._epoch = ""
        self._number = -1
        self._newest = ("", -1)
        self._behind = asyncio.Event()
        self._behind.set()
        self._current = asyncio.Event()
        self._subscription = bus.subscribe(NEWS_TOPIC, self._arrived)

    @property
    def is_ready(self) -> bool:
        """Whether the owner was heard once; what is known before that is nothing."""
        return bool(self._epoch)

    async def ready(self) -> None:
        """Return once the owner was heard."""
        await self._current.wait()

    def close(self) -> None:
        """Listen no more."""
        self._subscription.close()

    async def run(self) -> None:
        """Catch up whenever something was missed, for ever."""
        while True:
            await self._behind.wait()
            try:
                self._take(await self._ask(NewsSince(self._epoch, self._number)))
            except (Refusal, msgspec.MsgspecError) as problem:
                _log.info("the owner does not answer", reason=str(problem))
                await asyncio.sleep(AGAIN_S)

    def _arrived(self, message: bytes) -> None:
        try:
            notice = decode_notice(message)
        except msgspec.MsgspecError:
            _log.warning("the owner speaks another language: is it of another version?")
            return
        self._newest = (notice.epoch, notice.number)
        is_next = notice.epoch == self._epoch and notice.number == self._number + 1
        if is_next and notice.item is not None and not self._behind.is_set():
            self._number = notice.number
            self._heard.item(notice.item)
        elif notice.epoch != self._epoch or notice.number > self._number:
            self._behind.set()

    def _take(self, news: News) -> None:
        if self._newest[0] != news.epoch or self._newest[1] <= news.number:
            self._behind.clear()  # otherwise something was told while this was on its way
        if news.epoch == self._epoch and news.number < self._number:
            return
        self._epoch, self._number = news.epoch, news.number
        if news.people is not None:
            self._heard.everything(news)
        for item in news.items:
            self._heard.item(item)
        self._current.set()


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
