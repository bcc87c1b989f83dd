"""What a room says about its crowd: how many listen, what they cheer, who types. Pure."""

import math
from typing import Final

import msgspec

from whatssound.gateway.bucket import TokenBucket
from whatssound.wire.events import Listeners
from whatssound.wire.phoenix import Json

TYPING_PER_S = 5
"""Typing events one room passes on in a second; the others would not be read anyway."""

COUNT_S: Final = 0.0005
"""For every socket here a count waits so long for the one before it: a send takes about 10 µs, so that a room's counts
take 2 % of a process. Small rooms hear each change within a second, one of 10,000 hears of changes every 5."""

_encode = msgspec.json.Encoder().encode


class Counts:
    """One room's unlogged state, and what of it is news."""

    __slots__ = ("_reactions", "_shown", "_told_s", "_typing", "listeners")

    def __init__(self, *, now_s: float) -> None:
        self.listeners = 0
        """Socket sessions that are in the room."""
        self._shown: int = 0
        self._told_s = -math.inf
        self._reactions: dict[str, int] = {}
        self._typing = TokenBucket(TYPING_PER_S, TYPING_PER_S, now_s=now_s)

    def react(self, emoji: str) -> None:
        """Somebody reacted."""
        self._reactions[emoji] = self._reactions.get(emoji, 0) + 1

    def may_type(self, now_s: float) -> bool:
        """Whether one more typing event may pass."""
        return self._typing.take(now_s)

    def take_reactions(self) -> Json | None:
        """The sums since the last call, or None when nobody reacted."""
        reactions, self._reactions = self._reactions, {}
        return _encode(reactions) if reactions else None

    def may_count(self, now_s: float, sockets: int) -> bool:
        """Whether a room with so many sockets here may hear a count again; the hub looks once a second."""
        wait_s = sockets * COUNT_S
        return wait_s <= 1.0 or now_s - self._told_s >= wait_s

    def take_listeners(self, now_s: float) -> Json | None:
        """The count, if it is not the one that was given last."""
        if self.listeners == self._shown:
            return None
        self._shown, self._told_s = self.listeners, now_s
        return _encode(Listeners(count=self.listeners))
