"""How many listen to each room on all nodes together. Pure: what is told and heard are bytes.

Every node tells the others its own counts: what changed, at once or within a tick, and everything every few seconds, so
that a lost message is made good and a node that says nothing any more is forgotten.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from whatssound.ids import RoomId

SILENT_S: Final = 12.0
"""A node that was not heard for so long has no listeners: more than twice the time between two whole tellings."""

ROOMS_A_MESSAGE: Final = 10_000
"""About 250 KB."""


class _Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """Some of a node's counts; with `whole` those it does not name are 0 until it does."""

    node: str
    rooms: dict[RoomId, int]
    whole: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Told).decode


class Audience:
    """This node's counts and what it heard of others'. Bounded by the rooms that have listeners."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._here: dict[RoomId, int] = {}
        self._changed: dict[RoomId, int] = {}
        self._others: dict[str, dict[RoomId, int]] = {}
        self._heard_s: dict[str, float] = {}
        self._elsewhere: dict[RoomId, int] = {}

    def count(self, room: RoomId, here: int) -> None:
        """So many listen on this node."""
        self._changed[room] = here
        if here:
            self._here[room] = here
        else:
            self._here.pop(room, None)

    def listeners(self, room: RoomId) -> int:
        """So many listen, everywhere."""
        return self._here.get(room, 0) + self._elsewhere.get(room, 0)

    def nodes(self, room: RoomId) -> list[str]:
        """The other nodes on which somebody listens."""
        return [node for node, known in self._others.items() if room in known]

    def changes(self) -> bytes | None:
        """What the others must hear since the last call; None when that is nothing."""
        changed, self._changed = self._changed, {}
        return _encode(_Told(self._node, changed)) if changed else None

    def everything(self) -> Iterator[bytes]:
        """All of it, in messages to be told one after another."""
        rooms = iter(self._here.items())
        yield _encode(_Told(self._node, dict(islice(rooms, ROOMS_A_MESSAGE)), whole=True))
        while more := dict(islice(rooms, ROOMS_A_MESSAGE)):
            yield _encode(_Told(self._node, more))

    def hear(self, message: bytes, now_s: float) -> set[RoomId]:
        """Take in what a node told; the rooms whose count may be another now. Raises msgspec.MsgspecError."""
        told = _decode(message)
        if told.node == self._node:
            return set()
        self._heard_s[told.node] = now_s
        known = self._others.setdefault(told.node, {})
        concerned = {*told.rooms, *(known if told.whole else ())}
        for room in concerned:
            self._set(known, room, told.rooms.get(room, 0))
        return concerned

    def forget_silent(self, now_s: float) -> set[RoomId]:
        """Forget nodes that say nothing any more; the rooms whose count is another now."""
        concerned: set[RoomId] = set()
        for node in [node for node, heard_s in self._heard_s.items() if now_s - heard_s > SILENT_S]:
            del self._heard_s[node]
            known = self._others.pop(node)
            for room in tuple(known):
                concerned.add(room)
                self._set(known, room, 0)
        return concerned

    def _set(self, known: dict[RoomId, int], room: RoomId, count: int) -> None:
        total = self._elsewhere.get(room, 0) + count - known.get(room, 0)
        for counts, value in ((known, count), (self._elsewhere, total)):
            if value:
                counts[room] = value
            else:
                counts.pop(room, None)
