"""Snowflake ids: sortable by time, unique without asking anybody.

42 bits of milliseconds since 2026-01-01T00:00:00Z, 10 bits of node, 12 bits of counter (Twitter's
layout, Discord's use of it). Ids are integers inside and strings in JSON, where 2**53 is the limit.
"""

from collections.abc import Callable
from typing import NewType

EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

BUCKET_MS = 864_000_000
"""10 days: Discord's figure, which kept its partitions under 100 MB."""

NODE_BITS = 10
COUNTER_BITS = 12

RoomId = NewType("RoomId", int)
UserId = NewType("UserId", int)
MessageId = NewType("MessageId", int)
EntryId = NewType("EntryId", int)
TrackId = NewType("TrackId", int)


def ms_of(snowflake: int) -> int:
    """The Unix time in ms at which `snowflake` was made."""
    return (snowflake >> (NODE_BITS + COUNTER_BITS)) + EPOCH_MS


def first_id_at(unix_ms: int) -> int:
    """The smallest id that can be made at `unix_ms`; a bound for ranges."""
    return max(0, unix_ms - EPOCH_MS) << (NODE_BITS + COUNTER_BITS)


def bucket_of(snowflake: int) -> int:
    """The 10-day window a message id falls into."""
    return (snowflake >> (NODE_BITS + COUNTER_BITS)) // BUCKET_MS


def parse_id(text: str) -> int:
    """The id that `text` spells. Raises ValueError for anything but 1 to 19 ASCII digits below 2**63."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise ValueError(f"not an id: {text[:40]!r}")
    value = int(text)
    if value >= 1 << 63:
        raise ValueError(f"not an id: {text!r}")
    return value


class Snowflakes:
    """Makes ids that only grow, also when the clock steps back.

    `now_ms` is the server's time; `floor_ms` the newest ms that a predecessor on this node may have used.
    """

    __slots__ = ("_counter", "_last_ms", "_node", "_now_ms")

    def __init__(self, now_ms: Callable[[], float], *, node: int = 0, floor_ms: int = 0) -> None:
        if not 0 <= node < 1 << NODE_BITS:
            raise ValueError(f"node must be 0..1023, not {node}")
        self._now_ms = now_ms
        self._node = node
        self._last_ms = floor_ms
        self._counter = (1 << COUNTER_BITS) - 1

    def next(self, *, above_ms: int = 0) -> int:
        """A new id, larger than every one before it and made at `above_ms` or later."""
        now = max(int(self._now_ms()), above_ms)
        if now > self._last_ms:
            self._last_ms, self._counter = now, 0
        elif self._counter + 1 < 1 << COUNTER_BITS:
            self._counter += 1
        else:
            self._last_ms, self._counter = self._last_ms + 1, 0
        return ((self._last_ms - EPOCH_MS) << (NODE_BITS + COUNTER_BITS)) | (self._node << COUNTER_BITS) | self._counter
