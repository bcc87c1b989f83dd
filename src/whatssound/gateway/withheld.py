"""Chat lines that some of a room's members are not told: they said them, or were shown them as they joined. Pure."""

from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from whatssound.wire.events import User
from whatssound.wire.phoenix import Json

LIFE_S: Final = 60.0
"""How long a line is waited for; a command takes 10 s at most. After that it would be told like any other."""

RECENT_MS: Final = 30_000
"""A line that was stored longer ago than this has been told, or comes so late that it is told again."""

M = TypeVar("M", bound=Hashable)


class Line(NamedTuple):
    """What makes a chat line one: who said it, and that person's nonce."""

    user: str
    nonce: str


class _Said(msgspec.Struct, frozen=True):
    user: User
    nonce: str


class _Held(NamedTuple, Generic[M]):
    until_s: float
    members: set[M]


_decode: Final = msgspec.json.Decoder(_Said).decode


class Withheld(Generic[M]):
    """Which lines are awaited, and who is not to hear them. Bounded: chat is limited, and a line is forgotten in time.

    Empty, as it is for all who hear the room itself, it costs one look at a dict.
    """

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[Line, _Held[M]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def hold(self, line: Line, member: M, now_s: float) -> None:
        """Do not tell `member` of `line`."""
        self._forget_old(now_s)
        held = self._lines.get(line)
        if held is None:
            held = self._lines[line] = _Held[M](now_s + LIFE_S, set())
        held.members.add(member)

    def let_go(self, line: Line, member: M) -> None:
        """Tell `member` of `line` after all, should it come."""
        held = self._lines.get(line)
        if held is not None:
            held.members.discard(member)
            if not held.members:
                del self._lines[line]

    def concerns(self, payload: Json, member: M) -> bool:
        """Whether `member` is not to hear this `chat` event."""
        line = _line(payload) if self._lines else None
        held = None if line is None else self._lines.get(line)
        return held is not None and member in held.members

    def take(self, payload: Json, now_s: float) -> frozenset[M]:
        """Who is not to hear this `chat` event, which comes now and will not come again."""
        if not self._lines:
            return frozenset()
        line = _line(payload)
        held = None if line is None else self._lines.pop(line, None)
        self._forget_old(now_s)
        return frozenset() if held is None else frozenset(held.members)

    def _forget_old(self, now_s: float) -> None:
        """The oldest stand first, because a line that is held again keeps its time."""
        while self._lines and (oldest := next(iter(self._lines.items())))[1].until_s < now_s:
            del self._lines[oldest[0]]


def _line(payload: Json) -> Line | None:
    """The line that a `chat` event tells; None when it has no nonce, so that nobody can wait for it."""
    try:
        said = _decode(payload)
    except msgspec.MsgspecError:
        return None
    return Line(said.user.id, said.nonce)
