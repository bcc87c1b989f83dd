"""Rooms, tracks and people for tests, and a clock that is moved by hand."""

from dataclasses import replace

from whatssound.ids import RoomId
from whatssound.rooms.commands import Command
from whatssound.rooms.deck import Deck
from whatssound.rooms.playback import Playback
from whatssound.rooms.queue import Queue
from whatssound.rooms.room import Room, decide
from whatssound.wire import events

T0 = 1_800_000_000_000.0
"""A moment in 2027; every room here begins then."""

DEVICE = "desk"
DJ = events.User(id="1", name="Dana", role="dj")
LEO = events.User(id="2", name="Leo")


class ManualClock:
    """Server time that stands still until it is moved."""

    def __init__(self, now_ms: float = T0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms

    def advance(self, ms: float) -> None:
        self.now_ms += ms


def track(number: int, duration_ms: int = 10_000) -> events.Track:
    return events.Track(id=str(number), title=f"Track {number}", duration_ms=duration_ms)


def entry(number: int, duration_ms: int = 10_000) -> events.Entry:
    return events.Entry(id=str(100 + number), track=track(number, duration_ms), added_by=DJ)


def room(*durations_ms: int, when_dj_gone: str = "auto_dj") -> Room:
    """A new room in which entries 101, 102, … of these durations wait."""
    waiting = tuple(entry(number, duration) for number, duration in enumerate(durations_ms, start=1))
    settings = events.Settings(when_dj_gone="pause" if when_dj_gone == "pause" else "auto_dj")
    deck = Deck(playback=Playback(rev=1), queue=Queue(rev=1, entries=waiting))
    return Room(id=RoomId(7), slug="late-night-abc234", dj=DJ, title="Late night", settings=settings, deck=deck)


def after(start: Room, *steps: tuple[float, Command]) -> Room:
    """The room after commands at ms since T0."""
    for at_ms, command in steps:
        start = decide(start, command, T0 + at_ms)
    return start


def waiting_ids(of: Room) -> list[str]:
    return [waiting.id for waiting in of.queue.entries]


def without_revs(of: Room) -> Room:
    """The room's content, to compare what differs in nothing else."""
    deck = replace(of.deck, playback=replace(of.playback, rev=0), queue=replace(of.queue, rev=0))
    return replace(of, rev=0, room_rev=0, deck=deck, members=tuple(replace(m, rev=0) for m in of.members))
