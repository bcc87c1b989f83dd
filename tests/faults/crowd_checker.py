"""Reads what a crowd was told, what speakers saw acknowledged, and what history says: names every broken promise. Pure.

1. The same order for all: within an epoch one event stands at each place, and one event follows each.
2. Positions are linked: each event follows the one before, except behind a reset that was declared.
3. A resume that was declared brought everything.
4. Acknowledged ⊆ delivered or reset ⊆ history, with each listener.
5. Nobody is left behind: who is in the room at the end has its last event.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from faults.checker import Stored
from load.log import Codes, Join, LoggedEvent, Said, WorkerLog

SHOWN = 20
"""How many broken promises of a kind are told; all are counted."""


@dataclass
class Verdict:
    """What was found; `problems` counts by kind, `told` has some of them in words."""

    deliveries: int = 0
    joins: int = 0
    resumed: int = 0
    reset: int = 0
    said: int = 0
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By code: what was shed, and why."""
    problems: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    @property
    def reset_rate(self) -> float:
        """Resets among all that came back."""
        return self.reset / max(1, self.reset + self.resumed)

    def summary(self) -> str:
        """How much was checked, and how often listeners started over, in a line."""
        return (
            f"{self.deliveries} deliveries, {self.acknowledged} acknowledged messages, {self.joins} joins: "
            f"{self.resumed} resumed, {self.reset} reset ({self.reset_rate:.0%} of those that came back)"
        )

    def broken(self, kind: str, words: str) -> None:
        """Note a broken promise."""
        self.problems[kind] += 1
        if self.problems[kind] <= SHOWN:
            self.told.append(f"{kind}: {words}")


@dataclass
class Stretch:
    """What one listener had without a break: every event of `epoch` above `above`, up to `upto`."""

    epoch: str
    above: int
    upto: int
    upto_key: str
    parts: "list[npt.NDArray[np.int64]]" = field(default_factory=list)

    @property
    def seqs(self) -> "npt.NDArray[np.int64]":
        """The places of its events, in the order in which they came."""
        return np.concatenate([np.empty(0, np.int64), *self.parts])


class Chain:
    """The events of one epoch, as all listeners together saw them."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.at: dict[int, LoggedEvent] = {}
        self._after: dict[int, int] = {}

    def take(self, event: LoggedEvent) -> None:
        """Add an event; whatever stands at its place, or follows the same one, has to be it."""
        there = self.at.setdefault(event.seq, event)
        if there != event:
            self._verdict.broken("reused position", f"{event.seq} is {there.key} and {event.key}")
        follower = self._after.setdefault(event.prev, event.seq)
        if follower != event.seq:
            self._verdict.broken("fork", f"{follower} and {event.seq} both follow {event.prev}")

    @property
    def last(self) -> int:
        """The newest event's place."""
        return max(self.at, default=0)


def verdict_on(logs: Sequence[WorkerLog], said: Sequence[Said], history: Sequence[Stored]) -> Verdict:
    """All five promises. `history` is the store's, oldest first."""
    verdict = Verdict(said=len(said), refused=Counter(one.refused for one in said if one.refused))
    chains: dict[str, Chain] = {}
    stretches: dict[tuple[str, int], list[Stretch]] = {}
    for log in logs:
        table = _Table(log, verdict, chains)
        for n in range(len(log.clients)):
            stretches[log.name, n] = _Walk(table, n, verdict).stretches()
    _acknowledged_reached_all(said, stretches, chains, verdict)
    _nobody_left_behind(logs, stretches, chains, verdict)
    _history_has_all(said, history, chains, verdict)
    return verdict


class _Table:
    """The events of one process as columns, so that ten million deliveries are checked in seconds."""

    def __init__(self, log: WorkerLog, verdict: Verdict, chains: dict[str, Chain]) -> None:
        self.log = log
        self.seq = np.array([event.seq for event in log.events], dtype=np.int64)
        self.prev = np.array([event.prev for event in log.events], dtype=np.int64)
        self._verdict = verdict
        self._chains = chains
        self._taken: dict[str, npt.NDArray[np.bool_]] = {}

    def take(self, epoch: str, codes: Codes) -> None:
        """These events happened in `epoch`; each is added to its chain once."""
        taken = self._taken.setdefault(epoch, np.zeros(len(self.seq), dtype=np.bool_))
        fresh = np.unique(codes[~taken[codes]])
        taken[fresh] = True
        chain = self._chains.get(epoch)
        if chain is None:
            chain = self._chains[epoch] = Chain(self._verdict)
        for code in fresh:
            chain.take(self.log.events[code])


class _Walk:
    """One listener's log, from its beginning to its end."""

    def __init__(self, table: _Table, client: int, verdict: Verdict) -> None:
        self._table = table
        self._name = f"{table.log.name}/{client}"
        self._codes = table.log.codes(client)
        self._verdict = verdict

    def stretches(self) -> list[Stretch]:
        """What it had without a break; what breaks a promise is noted on the way."""
        found: list[Stretch] = []
        for join, codes in self._lives():
            self._count(join)
            resumed = join.kind == "resumed"
            if resumed and (not found or found[-1].epoch != join.epoch):
                self._verdict.broken("false recovery", f"{self._name} resumed in another epoch")
                resumed = False
            if not resumed:
                found.append(Stretch(join.epoch, join.seq, join.seq, join.key))
                if join.missed:
                    self._verdict.broken("false recovery", f"{self._name} got events with a reset")
            stretch = found[-1]
            self._follow(stretch, codes[: join.missed])
            if resumed and (stretch.upto, stretch.upto_key) != (join.seq, join.key):
                self._verdict.broken("false recovery", f"{self._name} stood at {stretch.upto}, not {join.seq}")
                stretch = Stretch(join.epoch, join.seq, join.seq, join.key)
                found.append(stretch)
            self._follow(stretch, codes[join.missed :])
        return found

    def _lives(self) -> Iterator[tuple[Join, Codes]]:
        """Each join with the events behind it."""
        codes = self._codes
        begins = np.flatnonzero(codes < 0)
        if len(codes) and (not len(begins) or begins[0] != 0):
            self._verdict.broken("out of order", f"{self._name} heard something before it had joined")
        for begin, end in zip(begins, [*begins[1:], len(codes)], strict=True):
            yield self._table.log.joins[-1 - codes[begin]], codes[begin + 1 : end]

    def _count(self, join: Join) -> None:
        self._verdict.joins += 1
        if join.kind == "resumed":
            self._verdict.resumed += 1
        elif join.kind == "reset":
            self._verdict.reset += 1

    def _follow(self, stretch: Stretch, codes: Codes) -> None:
        """Take events in, each after the one before."""
        if not len(codes):
            return
        self._table.take(stretch.epoch, codes)
        seqs, prevs = self._table.seq[codes], self._table.prev[codes]
        before = np.concatenate([[stretch.upto], seqs[:-1]])
        for n in np.flatnonzero((prevs != before) | (seqs <= before)):
            words = f"{self._name}: {seqs[n]} follows {prevs[n]}, it stood at {before[n]}"
            self._verdict.broken("not linked", words)
        stretch.parts.append(seqs)
        stretch.upto = int(seqs[-1])
        stretch.upto_key = self._table.log.events[codes[-1]].key
        self._verdict.deliveries += len(codes)


def _acknowledged_reached_all(
    said: Sequence[Said],
    stretches: Mapping[tuple[str, int], Sequence[Stretch]],
    chains: Mapping[str, Chain],
    verdict: Verdict,
) -> None:
    """Where a listener was in the room, it had every acknowledged message: the one with that id, at that place."""
    places: dict[str, dict[int, str]] = {}
    for one in said:
        if one.acknowledged:
            verdict.acknowledged += 1
            if places.setdefault(one.epoch, {}).setdefault(one.seq, one.id) != one.id:
                verdict.broken("reused position", f"{one.id} was acknowledged at {one.seq}, another one as well")
    for epoch, ids in places.items():
        chain = chains.get(epoch)
        for seq, id in ids.items():
            there = None if chain is None else chain.at.get(seq)
            if there is not None and there.id != id:
                verdict.broken("reused position", f"{id} was acknowledged at {seq}, where {there.id} is")
    wanted = {epoch: np.array(sorted(ids)) for epoch, ids in places.items()}
    for (name, client), some in stretches.items():
        for stretch in some:
            due = wanted.get(stretch.epoch)
            if due is None:
                continue
            due = due[(due > stretch.above) & (due <= stretch.upto)]
            missing = np.setdiff1d(due, stretch.seqs)
            if len(missing):
                verdict.broken("lost", f"{name}/{client} never had {missing[:5].tolist()}, which were acknowledged")


def _nobody_left_behind(
    logs: Sequence[WorkerLog],
    stretches: Mapping[tuple[str, int], Sequence[Stretch]],
    chains: Mapping[str, Chain],
    verdict: Verdict,
) -> None:
    """The last event of all is with everybody who is in the room."""
    ends = {
        (log.name, n): stretches[log.name, n][-1]
        for log in logs
        for n in range(len(log.clients))
        if log.live[n] and stretches[log.name, n]
    }
    for (name, n), stretch in ends.items():
        last = chains[stretch.epoch].last if stretch.epoch in chains else 0
        if stretch.upto < last:
            verdict.broken("left behind", f"{name}/{n} is at {stretch.upto}, the room at {last}")
    if len({stretch.epoch for stretch in ends.values()}) > 1:
        verdict.broken("left behind", "at the end listeners are in different epochs")


def _history_has_all(
    said: Sequence[Said], history: Sequence[Stored], chains: Mapping[str, Chain], verdict: Verdict
) -> None:
    """What was acknowledged or shown is in history, once, as it was said."""
    ids = [message.id for message in history]
    if ids != sorted(set(ids)):
        verdict.broken("history", "it repeats an id or is out of order")
    nonces = Counter(message.nonce for message in history)
    for nonce, count in nonces.items():
        if nonce and count > 1:
            verdict.broken("doubled", f"{nonce} is stored {count} times")
    stored = {message.id: message for message in history}
    for one in said:
        if one.acknowledged and (found := stored.get(int(one.id))) is None:
            verdict.broken("lost", f"{one.nonce} was acknowledged as {one.id}, which history lacks")
        elif one.acknowledged and found is not None and (found.nonce, found.text) != (one.nonce, one.text):
            verdict.broken("lost", f"{one.id} was acknowledged as {one.nonce}, history has {found.nonce}")
    for chain in chains.values():
        for event in chain.at.values():
            if event.name == "chat" and (int(event.id) not in stored or stored[int(event.id)].text != event.text):
                verdict.broken("not in history", f"{event.id} was shown")
