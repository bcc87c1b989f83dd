"""What a recording says about players that should be together. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from output.lag import HOP_S, WINDOW_S, Window

GRACE_MS = 3_000
"""After a command players may be apart for so long."""

TOGETHER_MS = 20
STAYS_MS = 1_000
"""Settled is who stays together for so long."""

LEAD_MS = 250
"""The server lets a command take effect so much later; before, players are together where they were."""

What = Literal["join", "seek", "pause", "resume", "skip", "change"]


@dataclass(frozen=True, slots=True)
class Command:
    """Something after which a player has to find its place. `players` are those that it concerns."""

    what: What
    at_ms: float
    players: frozenset[int]


@dataclass(frozen=True, slots=True)
class Log:
    """What happened: commands in order, and who was away from when until when."""

    commands: Sequence[Command]
    absences: Sequence[tuple[int, float, float]]
    begins_ms: float
    ends_ms: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A window of a pair of players, on the clock of the commands."""

    at_ms: float
    window: Window


def settled_after_ms(command: Command, heard: Sequence[Heard], until_ms: float) -> float:
    """How long after the command the pair was together and stayed so; after a pause, silent. Infinite if never."""
    half_ms = WINDOW_S * 500
    good: Callable[[Window], bool] = is_silent if command.what == "pause" else is_together
    needed = round(STAYS_MS / (HOP_S * 1_000)) + 1
    lead_ms = 0 if command.what in ("join", "change", "pause") else LEAD_MS
    run = 0
    for one in heard:
        if one.at_ms - half_ms < command.at_ms + lead_ms:
            continue
        if one.at_ms > until_ms:
            break
        run = run + 1 if good(one.window) else 0
        if run == needed:
            return one.at_ms - STAYS_MS - command.at_ms
    return float("inf")


def is_together(window: Window) -> bool:
    """Both are heard, at most 20 ms apart."""
    return window.state == "both" and abs(window.apart_ms) <= TOGETHER_MS


def is_silent(window: Window) -> bool:
    """Nobody is heard."""
    return window.state == "silent"


def counted(pair: frozenset[int], heard: Sequence[Heard], log: Log) -> list[Heard]:
    """The windows in which the pair should be together: outside the grace, the room playing, both there."""
    concerning = [c for c in log.commands if c.players & pair]
    pauses = [c.at_ms for c in concerning if c.what == "pause"]
    resumes = [c.at_ms for c in concerning if c.what == "resume"]
    silences = [(at_ms, min((r for r in resumes if r > at_ms), default=log.ends_ms)) for at_ms in pauses]
    away = [(first, last) for player, first, last in log.absences if player in pair]
    half_ms = WINDOW_S * 500

    def counts(at_ms: float) -> bool:
        first_ms, last_ms = at_ms - half_ms, at_ms + half_ms
        graces = ((c.at_ms, c.at_ms + GRACE_MS) for c in concerning)
        spans = (*silences, *away, *graces)
        inside = log.begins_ms < first_ms and last_ms < log.ends_ms
        return inside and not any(first_ms < end and start < last_ms for start, end in spans)

    return [one for one in heard if counts(one.at_ms)]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page's player said of itself, at server time."""

    at_ms: float
    position_ms: float
    entry_id: str
    error_ms: float
    wall_ms: float
    """The machine's clock less what the page takes for the server's."""


def pages_apart(first: Sequence[Reading], second: Sequence[Reading], at_ms: float) -> float | None:
    """How late the second page says it is after the first; None when they do not play the same entry."""
    ones = [around(readings, at_ms) for readings in (first, second)]
    if ones[0] is None or ones[1] is None or ones[0][0] != ones[1][0]:
        return None
    return ones[0][1] - ones[1][1]


NEAR_MS = 250


def around(readings: Sequence[Reading], at_ms: float) -> tuple[str, float] | None:
    """The entry, and how far its position was ahead of the clock, between the readings before and after."""
    after = bisect_left(readings, at_ms, key=lambda reading: reading.at_ms)
    if not 0 < after < len(readings):
        return None
    one, two = readings[after - 1], readings[after]
    if two.at_ms - one.at_ms > NEAR_MS or one.entry_id != two.entry_id:
        return None
    share = (at_ms - one.at_ms) / (two.at_ms - one.at_ms)
    ahead_ms = [reading.position_ms - reading.at_ms for reading in (one, two)]
    return one.entry_id, ahead_ms[0] + share * (ahead_ms[1] - ahead_ms[0])
