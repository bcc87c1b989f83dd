"""One topic's metas as this process knows them, and what it says and hears to stay at one with the others. Pure.

Each process numbers what it says. Who misses a number asks for the whole of that process; a digest every few seconds
shows when the last of it was lost. A process that says nothing of a topic any more is gone from it.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from whatssound.presence.messages import Diff, Digest, Message, Node, Whole, encode, portions
from whatssound.presence.telling import SHOWN
from whatssound.presence.tracker import Tracker
from whatssound.wire.presence import Meta

DIGEST_S: Final = 4.0
"""A lost message is made good after so long and one question."""

SILENT_S: Final = 12.0
"""A process that said nothing of a topic for so long has left it: three digests."""

ASK_S: Final = 1.0
"""One process is asked no more often."""


class Heard(Enum):
    """How far one follows a process after a message of it."""

    UP_TO_DATE = auto()
    BEHIND = auto()
    """It must be asked for the whole."""
    PARTLY = auto()
    """More messages of the same follow."""
    OLD = auto()
    """It came from a life that is over, or from this process itself."""


class _Peer:
    """What another process said so far."""

    __slots__ = ("asked_s", "heard_s", "life", "parts", "parts_seq", "seq")

    def __init__(self, life: int) -> None:
        self.life = life
        self.seq = 0
        """Everything up to here was heard; 0 when that is nothing."""
        self.heard_s = 0.0
        self.asked_s = float("-inf")
        self.parts_seq = 0
        self.parts: dict[int, list[Meta]] = {}


class Replica:
    """Bounded by the sockets of all processes: one meta a channel. `number` gives growing numbers, each once."""

    def __init__(self, me: Node, *, number: Callable[[], int], new_ref: Callable[[], str], shown: int = SHOWN) -> None:
        self.tracker = Tracker(new_ref, shown=shown)
        self._me = me
        self._number = number
        self._seq = number()
        self._has_spoken = False
        self._peers: dict[str, _Peer] = {}

    # --- what is said -------------------------------------------------------------------------------------------

    def say(self) -> list[bytes]:
        """What became of this process's metas since the last call, in messages; none when that is nothing."""
        joins, leaves = self.tracker.take_changes()
        if not joins and not leaves:
            return []
        messages = [self._diff([], leaves)] if leaves and not joins else []
        for portion in portions(joins):
            messages.append(self._diff(portion, leaves))
            leaves = list[str]()
        return messages

    def whole(self) -> list[bytes]:
        """All of this process's metas, after what was not said yet."""
        said = self.say()
        parts = list(portions(self.tracker.here())) or [[]]
        return said + [encode(Whole(self._me, self._seq, part, len(parts), metas)) for part, metas in enumerate(parts)]

    def digest(self) -> bytes | None:
        """What was said last; None when nothing was yet."""
        return encode(Digest(self._me, self._seq)) if self._has_spoken else None

    def farewell(self) -> bytes | None:
        """That this process has nothing any more; None when it never had anything."""
        return nothing(self._me, self._number()) if self._has_spoken else None

    # --- what is heard ------------------------------------------------------------------------------------------

    def hear(self, message: Message, now_s: float) -> Heard:
        """Take in what a process said on this topic."""
        peer = self._peer(message.node)
        if peer is None:
            return Heard.OLD
        peer.heard_s = now_s
        name = message.node.name
        match message:
            case Diff():
                self._hear_diff(peer, name, message)
            case Whole():
                if message.seq > peer.seq and not self._hear_whole(peer, name, message):
                    return Heard.PARTLY
            case Digest():
                pass
        return Heard.BEHIND if message.seq > peer.seq else Heard.UP_TO_DATE

    def follows(self, node: str) -> bool:
        """Whether it is known what that process has here."""
        return node in self._peers and self._peers[node].seq > 0

    def may_ask(self, node: str, now_s: float) -> bool:
        """Whether it is time to ask that process for the whole; counted as asked."""
        peer = self._peers.get(node)
        if peer is None or now_s - peer.asked_s < ASK_S:
            return False
        peer.asked_s = now_s
        return True

    def meet(self, node: Node) -> int:
        """A process began this life: what an earlier one had is gone; how many metas."""
        peer = self._peers.get(node.name)
        if peer is None or peer.life >= node.life:
            return 0
        del self._peers[node.name]
        return self.tracker.lose(node.name)

    def part(self, node: Node) -> int:
        """A process has ended; how many metas went with it."""
        peer = self._peers.get(node.name)
        if peer is None or peer.life > node.life:
            return 0
        del self._peers[node.name]
        return self.tracker.lose(node.name)

    def look(self, now_s: float) -> int:
        """Forget processes that said nothing any more; how many metas went with them."""
        silent = [name for name, peer in self._peers.items() if now_s - peer.heard_s > SILENT_S]
        for name in silent:
            del self._peers[name]
        return sum(self.tracker.lose(name) for name in silent)

    # --- inside -------------------------------------------------------------------------------------------------

    def _diff(self, joins: list[Meta], leaves: list[str]) -> bytes:
        prev = self._seq if self._has_spoken else 0
        self._seq, self._has_spoken = self._number(), True
        return encode(Diff(self._me, self._seq, prev, joins, leaves))

    def _peer(self, node: Node) -> _Peer | None:
        if node.name == self._me.name:
            return None
        self.meet(node)
        peer = self._peers.get(node.name)
        if peer is None:
            peer = self._peers[node.name] = _Peer(node.life)
        return peer if peer.life == node.life else None

    def _hear_diff(self, peer: _Peer, name: str, diff: Diff) -> None:
        follows = diff.prev == peer.seq or (diff.prev == 0 and not self.tracker.of(name))
        if diff.seq > peer.seq and follows:
            self.tracker.hear(name, diff.joins, diff.leaves)
            peer.seq = diff.seq

    def _hear_whole(self, peer: _Peer, name: str, whole: Whole) -> bool:
        """Whether all parts are here."""
        if peer.parts_seq != whole.seq:
            peer.parts_seq, peer.parts = whole.seq, {}
        peer.parts[whole.part] = whole.metas
        if len(peer.parts) < whole.parts:
            return False
        metas = [meta for part in range(whole.parts) for meta in peer.parts[part]]
        peer.seq, peer.parts_seq, peer.parts = whole.seq, 0, {}
        self.tracker.replace(name, metas)
        return True


def nothing(me: Node, number: int) -> bytes:
    """What a process says that has nothing of a topic."""
    return encode(Whole(me, number, 0, 1, []))
