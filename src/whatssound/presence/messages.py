"""What processes tell each other of who is present. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from whatssound.wire.presence import Meta

MESSAGE_BYTES: Final = 256 * 1024
"""A message takes no more metas than this; NATS carries 1 MB."""


class Node(msgspec.Struct, frozen=True, array_like=True):
    """A process in one life. `life` grows from a start of the process to its next (Unix ms of its wall clock)."""

    name: str
    life: int


class Diff(msgspec.Struct, frozen=True, array_like=True, tag="diff"):
    """What became of a process's metas on a topic.

    `seq` grows with everything a process says of any topic. `prev` is what it said of this one before, 0 for the first
    time since it came there with nothing.
    """

    node: Node
    seq: int
    prev: int
    joins: list[Meta]
    leaves: list[str]


class Whole(msgspec.Struct, frozen=True, array_like=True, tag="whole"):
    """All metas of a process on a topic as of `seq`, in `parts` messages that follow one another."""

    node: Node
    seq: int
    part: int
    parts: int
    metas: list[Meta]


class Digest(msgspec.Struct, frozen=True, array_like=True, tag="digest"):
    """The last thing that was said of a topic was `seq`: who has not heard it asks."""

    node: Node
    seq: int


Message = Diff | Whole | Digest
"""What is said on a topic."""


class Here(msgspec.Struct, frozen=True, array_like=True, tag="here"):
    """A process is there, whatever topics it has. `hello` asks the others to say so as well."""

    node: Node
    hello: bool = False
    leaving: bool = False


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """Tell on `topic` all that you have of it; `of` names the one who is asked, "" everybody."""

    node: Node
    topic: str
    of: str = ""


Call = Here | Ask
"""What is said to every process."""

encode: Final = msgspec.msgpack.Encoder().encode
decode_message: Final = msgspec.msgpack.Decoder[Message](Message).decode
decode_call: Final = msgspec.msgpack.Decoder[Call](Call).decode


def portions(metas: Iterable[Meta]) -> Iterator[list[Meta]]:
    """The metas in lists that each fit into a message; none for none."""
    portion, size_bytes = list[Meta](), 0
    for meta in metas:
        if portion and size_bytes + meta.size_bytes > MESSAGE_BYTES:
            yield portion
            portion, size_bytes = [], 0
        portion.append(meta)
        size_bytes += meta.size_bytes
    if portion:
        yield portion
