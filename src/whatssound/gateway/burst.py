"""Frames that go to many sockets in one write each: encoded once, joined once."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """A whole WebSocket frame. `state` names the unlogged state it carries; None means that it must arrive."""

    frame: bytes
    state: Hashable | None = None


class Burst:
    """Frames in their order: `joined` for a socket that keeps up, `parts` for one that has a line before it."""

    __slots__ = ("joined", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.joined = parts[0].frame if len(parts) == 1 else b"".join([part.frame for part in parts])
