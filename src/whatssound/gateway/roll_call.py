"""Who is in a room, in all processes: each answers for its own members, whoever asks puts the answers together."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
import structlog

from whatssound.bus.bus import Bus, NoAnswer
from whatssound.bus.log import Subscription
from whatssound.ids import RoomId, UserId
from whatssound.messages.coalesce import SingleFlight
from whatssound.wire.events import User

ASK_S: Final = 1.0
"""How long a process may take: it answers in well under 1 ms. One that does not is left out, as if it were gone."""

MOST_PEOPLE: Final = 200
"""In one answer, about 16 KB."""

_log = structlog.get_logger("whatssound.gateway.roll_call")


class _Question(msgspec.Struct, frozen=True, array_like=True):
    room: RoomId
    after: UserId
    limit: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Question).decode
_decode_people: Final = msgspec.msgpack.Decoder(list[User]).decode


class RollCall:
    """Answers for this process while it is started, and asks the others.

    `here` is who is in a room in this process, `others` the processes that have somebody in it.
    """

    def __init__(
        self,
        bus: Bus,
        node: str,
        *,
        here: Callable[[RoomId, UserId, int], list[User]],
        others: Callable[[RoomId], Sequence[str]],
    ) -> None:
        self._bus = bus
        self._node = node
        self._here = here
        self._others = others
        self._answering: Subscription | None = None
        self._running: SingleFlight[RoomId, tuple[UserId, int], list[User]] = SingleFlight()

    def start(self) -> None:
        """Answer others."""
        self._answering = self._bus.answer(_topic(self._node), self._answer)

    def close(self) -> None:
        """Answer no longer."""
        if self._answering is not None:
            self._answering.close()

    async def people(self, room: RoomId, after: UserId, limit: int) -> list[User]:
        """The first `limit` people in `room` with a greater id than `after`, each once, in the order of their ids.

        Who is in the room all the while is named; a process that does not answer is left out.
        """
        limit = min(limit, MOST_PEOPLE)
        return await self._running.get(room, (after, limit), lambda: self._asked(room, after, limit))

    async def _asked(self, room: RoomId, after: UserId, limit: int) -> list[User]:
        question = _encode(_Question(room, after, limit))
        told = await asyncio.gather(*(self._ask(node, question) for node in self._others(room)))
        return _merged([self._here(room, after, limit), *told], limit)

    async def _ask(self, node: str, question: bytes) -> list[User]:
        try:
            return _decode_people(await self._bus.request(_topic(node), question, timeout_s=ASK_S))
        except NoAnswer as problem:
            _log.info("a process does not say who listens there", node=node, reason=problem.reason)
            return []

    async def _answer(self, message: bytes) -> bytes:
        asked = _decode(message)
        return _encode(self._here(asked.room, asked.after, min(asked.limit, MOST_PEOPLE)))


def _merged(parts: Iterable[Iterable[User]], limit: int) -> list[User]:
    by_id = {int(user.id): user for part in parts for user in part}
    return [by_id[id] for id in sorted(by_id)[:limit]]


def _topic(node: str) -> str:
    return f"listeners:{node}"
