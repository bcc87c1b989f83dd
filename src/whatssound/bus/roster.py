"""Who is alive, judged by their beats. Pure: the time of this node's monotonic clock is an argument."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

BEAT_S: Final = 1.0
"""How often a node says that it is there."""

SUSPECT_S: Final = 3.0
"""Silence after which a node is doubted: it keeps its rooms, and nobody begins anything new with it."""

DEAD_S: Final = 5.0
"""Silence after which a node is gone. A loop that stands still for so long has lost its sockets' patience as well."""

FORGET_S: Final = 600.0
"""How long the incarnation of a node that is gone is remembered, so that a late beat does not bring it back."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node says of itself. `start` grows from one start of the node to its next (Unix ms of its wall clock)."""

    node: str
    """See `bus.nodes`: two servers on one bus share no name."""
    start: int
    owns: bool
    """It can run rooms, and does as soon as it is ready; a process that only holds sockets cannot."""
    ready: bool
    """It knows the time of the others, and serves."""
    leaving: bool = False


class Health(Enum):
    """How a node is thought to be."""

    ALIVE = auto()
    SUSPECT = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Peer:
    """A node as it was last heard."""

    beat: Beat
    heard_s: float
    health: Health


class Roster:
    """Keeps the newest beat of every node, and says who is alive.

    A node whose clock was set back between two starts counts as its earlier self until that is silent for 5 s.
    Bounded by the nodes there are and those that went in the last 10 minutes.
    """

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def heard(self, beat: Beat, now_s: float) -> bool:
        """Take a beat; whether somebody's standing changed by it."""
        known = self._peers.get(beat.node)
        if known is not None and _is_older(beat, known):
            return False
        health = Health.GONE if beat.leaving else Health.ALIVE
        self._peers[beat.node] = Peer(beat, now_s, health)
        return known is None or known.health is not health or known.beat != beat

    def passed(self, now_s: float) -> bool:
        """Judge everybody by the time that passed; whether somebody's standing changed by it."""
        changed = False
        for node, peer in tuple(self._peers.items()):
            silent_s = now_s - peer.heard_s
            if peer.health is Health.GONE:
                if silent_s >= FORGET_S:
                    del self._peers[node]
                continue
            health = _judged(silent_s)
            if health is not peer.health:
                self._peers[node] = replace(peer, health=health)
                changed = True
        return changed

    def health(self, node: str) -> Health:
        """How that node is thought to be; GONE for one that was never heard."""
        peer = self._peers.get(node)
        return Health.GONE if peer is None else peer.health

    def here(self) -> list[Beat]:
        """Everybody who is not gone, by name."""
        return [peer.beat for _, peer in sorted(self._peers.items()) if peer.health is not Health.GONE]

    def owners(self) -> frozenset[str]:
        """The nodes that share the rooms."""
        return frozenset(beat.node for beat in self.here() if beat.owns and beat.ready)


def _is_older(beat: Beat, known: Peer) -> bool:
    """Whether `beat` is of an earlier start than the one that is known, or came after that one's farewell."""
    if beat.start != known.beat.start:
        return beat.start < known.beat.start and known.health is not Health.GONE
    return known.beat.leaving


def _judged(silent_s: float) -> Health:
    if silent_s >= DEAD_S:
        return Health.GONE
    return Health.SUSPECT if silent_s >= SUSPECT_S else Health.ALIVE
