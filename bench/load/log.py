"""What a crowd was told: one log a process, small enough for ten million deliveries. Pure.

Listeners of one room are told the same, so an event is kept once a process, and each listener keeps numbers: `i` for
the event `events[i]`, `-1 - j` for the join `joins[j]`.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]


class LoggedEvent(msgspec.Struct, array_like=True, frozen=True):
    """One logged event as it came: two that differ in anything are two."""

    name: str
    seq: int
    prev: int
    key: str
    id: str = ""
    text: str = ""


class Join(msgspec.Struct, array_like=True, frozen=True):
    """One answer to a join. `missed` is how many of the codes behind it came in the answer itself."""

    at_ns: int
    kind: Literal["first", "resumed", "reset"]
    epoch: str
    seq: int
    key: str
    missed: int = 0


class WorkerLog(msgspec.Struct):
    """What the listeners of one process were told."""

    name: str
    events: list[LoggedEvent]
    joins: list[Join]
    clients: list[bytes]
    """The codes of each listener, int32, in the order in which they came."""
    live: list[bool]
    """Whether each listener was in the room at the end."""
    last_ns: list[int]
    """When each event reached the last listener of this process that read at once (CLOCK_MONOTONIC)."""
    closed: dict[int, int]
    """Close codes that were received and how often; 1006: without one."""
    refused: dict[str, int]
    """Refusals of handshakes and joins, and how often."""

    def codes(self, client: int) -> Codes:
        """The numbers of one listener."""
        return np.frombuffer(self.clients[client], dtype=np.int32)


class Said(msgspec.Struct, array_like=True, frozen=True):
    """One message of a speaker's.

    `intended_ns` is when the schedule wanted it to be said. `id`, `epoch` and `seq` are what it was acknowledged with;
    `refused` is the code of a refusal.
    """

    nonce: str
    text: str
    intended_ns: int
    acked_ns: int = 0
    id: str = ""
    epoch: str = ""
    seq: int = 0
    refused: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the server promised that it is stored and told."""
        return self.id != ""


def write(log: WorkerLog, path: Path) -> None:
    """Keep it."""
    path.write_bytes(_encode(log))


def read(path: Path) -> WorkerLog:
    """What was kept."""
    return _decode(path.read_bytes())


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(WorkerLog).decode
